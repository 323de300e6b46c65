"""The large providers of mailboxes: whose names people misspell, and which names only look misspelled.

Facts for `typos` and for what may stand in From. Nothing is asked of the network.
"""

from __future__ import annotations

_NATIONAL = {
    "hotmail": "ac ae at be ca ch cl co.id co.il co.in co.jp co.kr co.nz co.th co.uk co.za com.ar com.au com.br com.hk com.my"
    " com.ph com.sg com.tr com.tw com.vn cz de dk ee es fi fr gr hu ie in it jp lt lu lv ly my net nl no ph pt rs se sg sk",
    "live": "at be ca ch cl cn co.kr co.uk co.za com.ar com.au com.mx com.my com.ph com.pt com.sg de dk fi fr hk ie in it jp"
    " nl no ph pt ru se net",
    "outlook": "at be bg cl co co.id co.il co.nz co.th co.uk com.ar com.au com.br com.gr com.tr com.vn cz de dk es fr hu ie in"
    " it jp kr lv my nl pt ph sa sg sk",
    "yahoo": "ae at be bg ca cl cn co.hu co.id co.il co.in co.jp co.kr co.nz co.th co.uk co.za com.ar com.au com.br com.cn"
    " com.co com.hk com.hr com.mx com.my com.pe com.ph com.sg com.tr com.tw com.ua com.ve com.vn cz de dk ee es fi fr gr hr"
    " hu ie in it lt lv nl no pl pt ro rs ru se si sk",
    "msn": "co.uk de fr it nl se net",
    "gmx": "at ch co.uk com de es eu fr info it net org tm us biz cc",
    "windowslive": "com es fr",
    "rocketmail": "com",
    "yandex": "by com com.tr kz ru ua net lt",
    "aol": "at co.uk com.ar com.au com.br com.mx de es fr in it jp nl pl se cl",
    "tiscali": "be co.uk cz de dk es fr it nl no se",
    "libero": "it",
    "virgilio": "it",
    "zoho": "com eu in",
    "orange": "fr es net pl jobs",
    "telefonica": "net com",
    "free": "fr org",
    "mail": "ru com bg be ch de dk ee fr gr ie md pt ua ee pf hu us",
    "email": "com cz de it ua ro nu",
    "inbox": "lv ru com lt ee",
    "post": "com cz sk at ch pl",
    "web": "de",
    "t-online": "de hu",
    "freenet": "de at",
    "bluewin": "ch",
    "hispeed": "ch",
    "sunrise": "ch",
    "vodafone": "de es it net pt nl co.uk",
    "telia": "com se ee lt",
    "telenet": "be",
    "skynet": "be",
    "proximus": "be",
    "ziggo": "nl",
    "kpn": "nl com mail",
    "xs4all": "nl",
    "planet": "nl",
    "home": "nl se",
    "hetnet": "nl",
    "wanadoo": "fr es nl",
    "laposte": "net",
    "sfr": "fr",
    "neuf": "fr",
    "bbox": "fr",
    "numericable": "fr",
    "o2": "pl co.uk de cz",
    "wp": "pl",
    "interia": "pl eu com",
    "onet": "pl eu",
    "seznam": "cz",
    "centrum": "cz sk",
    "azet": "sk",
    "freemail": "hu de",
    "citromail": "hu",
    "abv": "bg",
    "ukr": "net",
    "meta": "ua com",
    "rambler": "ru",
    "bk": "ru",
    "list": "ru",
    "ya": "ru",
    "walla": "co.il com",
    "naver": "com",
    "daum": "net",
    "hanmail": "net",
    "nate": "com",
    "qq": "com",
    "foxmail": "com",
    "163": "com net",
    "126": "com",
    "139": "com",
    "yeah": "net",
    "sina": "com cn com.cn",
    "sohu": "com",
    "aliyun": "com",
    "rediffmail": "com",
    "sify": "com",
    "bol": "com.br",
    "uol": "com.br",
    "terra": "com.br com es cl com.ar",
    "ig": "com.br",
    "globo": "com",
    "docomo": "ne.jp",
    "ezweb": "ne.jp",
    "softbank": "ne.jp jp",
    "nifty": "com ne.jp",
    "biglobe": "ne.jp",
    "bigpond": "com net.au net com.au",
    "optusnet": "com.au",
    "iinet": "net.au",
    "xtra": "co.nz",
    "shaw": "ca",
    "rogers": "com",
    "sympatico": "ca",
    "telus": "net com",
    "videotron": "ca",
    "btinternet": "com",
    "btopenworld": "com",
    "ntlworld": "com",
    "virginmedia": "com co.uk",
    "talktalk": "net co.uk",
    "sky": "com",
    "blueyonder": "co.uk",
    "eircom": "net",
}
_ALONE = """
gmail.com googlemail.com google.com hotmail.com live.com outlook.com msn.com passport.com passport.net windowslive.com yahoo.com ymail.com
rocketmail.com myyahoo.com aol.com aim.com aol.co.uk icloud.com me.com mac.com apple.com proton.me protonmail.com protonmail.ch pm.me
tutanota.com tutanota.de tuta.com tuta.io tutamail.com keemail.me fastmail.com fastmail.fm fastmail.net fastmail.org mail.com email.com
post.com usa.com consultant.com myself.com dr.com engineer.com cheerful.com techie.com writeme.com iname.com europe.com asia.com
comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net earthlink.net optonline.net optimum.net frontier.com
frontiernet.net windstream.net juno.com netzero.net netzero.com roadrunner.com rr.com twc.com centurylink.net centurytel.net embarqmail.com
q.com mchsi.com suddenlink.net cableone.net prodigy.net pacbell.net ameritech.net swbell.net snet.net flash.net nvbell.net
peoplepc.com mindspring.com excite.com lycos.com hushmail.com hush.com runbox.com posteo.de posteo.net mailbox.org mailfence.com
startmail.com disroot.org riseup.net hey.com duck.com mozmail.com privaterelay.appleid.com simplelogin.com zoho.com zohomail.com
zohomail.eu gmx.de gmx.net gmx.at gmx.ch gmx.com gmx.fr gmx.es web.de t-online.de freenet.de arcor.de alice.de alice-dsl.net online.de
kabelmail.de unitybox.de netcologne.de ewe.net ewetel.net vodafonemail.de 1und1.de ionos.de mail.de magenta.de email.de gmail.de
bluewin.ch swissonline.ch a1.net aon.at chello.at inode.at utanet.at kabsi.at telering.at live.de ok.de firemail.de emailn.de eclipso.de
laposte.net wanadoo.fr orange.fr free.fr sfr.fr neuf.fr bbox.fr club-internet.fr numericable.fr aliceadsl.fr cegetel.net gmx.fr voila.fr
libero.it virgilio.it tiscali.it alice.it tin.it fastwebnet.it inwind.it iol.it tim.it pec.it aruba.it poste.it hotmail.it teletu.it
terra.es ono.com telefonica.net sapo.pt clix.pt netcabo.pt iol.pt mail.pt ziggo.nl casema.nl chello.nl upcmail.nl quicknet.nl zonnet.nl
telfort.nl tele2.nl kpnmail.nl kpnplanet.nl caiway.nl solcon.nl online.nl skynet.be telenet.be proximus.be scarlet.be voo.be pandora.be
btinternet.com btopenworld.com ntlworld.com virginmedia.com talktalk.net sky.com blueyonder.co.uk tiscali.co.uk plusnet.com plus.com
freeserve.co.uk fsmail.net o2.co.uk supanet.com eircom.net telia.com bredband.net bredband2.com spray.se comhem.se tele2.se swipnet.se
passagen.se online.no broadpark.no c2i.net start.no frisurf.no getmail.no mail.dk tdcadsl.dk stofanet.dk ofir.dk jubii.dk webspeed.dk
kolumbus.fi elisanet.fi luukku.com suomi24.fi welho.com saunalahti.fi pp.inet.fi mail.ru bk.ru inbox.ru list.ru internet.ru ya.ru
yandex.ru yandex.com rambler.ru lenta.ru ngs.ru ukr.net i.ua meta.ua bigmir.net tut.by wp.pl o2.pl onet.pl op.pl interia.pl gazeta.pl
tlen.pl poczta.fm poczta.onet.pl vp.pl go2.pl seznam.cz email.cz post.cz centrum.cz volny.cz atlas.cz azet.sk zoznam.sk centrum.sk
freemail.hu citromail.hu indamail.hu t-online.hu vipmail.hu abv.bg mail.bg dir.bg gbg.bg siol.net volja.net net.hr inet.hr eunet.rs
sezampro.rs otenet.gr forthnet.gr hol.gr in.gr freemail.gr mynet.com ttmail.com superonline.com turk.net walla.com walla.co.il 012.net.il
netvision.net.il bezeqint.net qq.com foxmail.com vip.qq.com 163.com 126.com 139.com 188.com 189.cn yeah.net sina.com sina.cn sohu.com
aliyun.com tom.com 21cn.com wo.cn naver.com hanmail.net daum.net nate.com korea.com kakao.com docomo.ne.jp ezweb.ne.jp softbank.ne.jp
i.softbank.jp au.com nifty.com biglobe.ne.jp ocn.ne.jp plala.or.jp so-net.ne.jp ybb.ne.jp excite.co.jp goo.jp rediffmail.com rediff.com
sify.com indiatimes.com in.com vsnl.net bsnl.in uol.com.br bol.com.br terra.com.br ig.com.br globo.com globomail.com r7.com oi.com.br
zipmail.com.br fibertel.com.ar speedy.com.ar arnet.com.ar ciudad.com.ar prodigy.net.mx infinitum.com.mx vtr.net entel.cl bigpond.com
bigpond.net.au optusnet.com.au iinet.net.au tpg.com.au internode.on.net westnet.com.au dodo.com.au ozemail.com.au xtra.co.nz
slingshot.co.nz paradise.net.nz clear.net.nz vodafone.co.nz orcon.net.nz mweb.co.za telkomsa.net webmail.co.za vodamail.co.za iafrica.com
shaw.ca rogers.com sympatico.ca bell.net bell.ca telus.net videotron.ca cogeco.ca eastlink.ca nb.sympatico.ca mts.net sasktel.net
tmail.com smail.com vmail.com jmail.com emailn.com inmail.com fmail.co.uk hotmail.com.br onmail.com gmail.ru mail2world.com mailinator.com
bigfoot.com care2.com myway.com netscape.net netscape.com compuserve.com cs.com wow.com games.com love.com ygm.com sbc.com cloud.com
earthling.net fastermail.com fast-email.com flashmail.com hitmail.com housemail.com prontomail.com y7mail.com uol.com.ar
msn.cn tatanova.com fastmail.cn hmail.com homemail.com ovh.fr ovi.com nokiamail.com blackberry.net rim.net skymail.mn
vivaldi.net mailo.com ctemplar.com cock.li
airmail.net netzero.net yopmail.com btconnect.com virgin.net lineone.net tesco.net madasafish.com onetel.com uku.co.uk cable.virgin.net
hotmal.de outlook.fr liveinternet.ru pochta.ru hotbox.ru mailru.com nm.ru aport.ru land.ru newmail.ru qip.ru pisem.net e1.ru
"""

REAL = frozenset(_ALONE.split()) | {
    f"{name}.{ending}" for name, endings in _NATIONAL.items() for ending in endings.split()
}
"""Domains of providers as they are: never a misspelling of another one."""

LARGE = (
    "gmail.com",
    "googlemail.com",
    "yahoo.com",
    "yahoo.co.uk",
    "yahoo.fr",
    "yahoo.de",
    "yahoo.it",
    "yahoo.es",
    "yahoo.ca",
    "yahoo.co.in",
    "yahoo.in",
    "yahoo.com.br",
    "yahoo.com.au",
    "yahoo.co.jp",
    "hotmail.com",
    "hotmail.co.uk",
    "hotmail.fr",
    "hotmail.de",
    "hotmail.it",
    "hotmail.es",
    "outlook.com",
    "outlook.de",
    "outlook.fr",
    "live.com",
    "live.co.uk",
    "live.fr",
    "live.nl",
    "msn.com",
    "aol.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "ymail.com",
    "rocketmail.com",
    "protonmail.com",
    "proton.me",
    "fastmail.com",
    "tutanota.com",
    "mail.com",
    "zoho.com",
    "gmx.de",
    "gmx.net",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "web.de",
    "t-online.de",
    "freenet.de",
    "arcor.de",
    "posteo.de",
    "mailbox.org",
    "bluewin.ch",
    "comcast.net",
    "verizon.net",
    "att.net",
    "sbcglobal.net",
    "bellsouth.net",
    "cox.net",
    "charter.net",
    "earthlink.net",
    "optonline.net",
    "frontier.com",
    "juno.com",
    "windstream.net",
    "roadrunner.com",
    "centurylink.net",
    "btinternet.com",
    "virginmedia.com",
    "talktalk.net",
    "sky.com",
    "ntlworld.com",
    "blueyonder.co.uk",
    "orange.fr",
    "wanadoo.fr",
    "laposte.net",
    "free.fr",
    "sfr.fr",
    "libero.it",
    "virgilio.it",
    "tiscali.it",
    "alice.it",
    "ziggo.nl",
    "telenet.be",
    "skynet.be",
    "telia.com",
    "mail.ru",
    "yandex.ru",
    "yandex.com",
    "rambler.ru",
    "ukr.net",
    "seznam.cz",
    "centrum.cz",
    "wp.pl",
    "onet.pl",
    "interia.pl",
    "freemail.hu",
    "abv.bg",
    "qq.com",
    "163.com",
    "126.com",
    "naver.com",
    "hanmail.net",
    "daum.net",
    "rediffmail.com",
    "uol.com.br",
    "bol.com.br",
    "terra.com.br",
    "bigpond.com",
    "optusnet.com.au",
    "xtra.co.nz",
    "shaw.ca",
    "rogers.com",
    "sympatico.ca",
    "telus.net",
    "hushmail.com",
)
"""Domains that people mean when they misspell one, the largest first."""

FREEMAIL = frozenset(
    domain
    for domain in REAL
    if domain.split(".")[0]
    in [
        "gmail",
        "googlemail",
        "hotmail",
        "live",
        "outlook",
        "msn",
        "yahoo",
        "ymail",
        "rocketmail",
        "aol",
        "aim",
        "icloud",
        "me",
        "mac",
        "proton",
        "protonmail",
        "pm",
        "gmx",
        "web",
        "t-online",
        "freenet",
        "tutanota",
        "tuta",
        "fastmail",
        "mail",
        "email",
        "zoho",
        "zohomail",
        "yandex",
        "ya",
        "bk",
        "inbox",
        "list",
        "rambler",
        "laposte",
        "libero",
        "virgilio",
        "orange",
        "wanadoo",
        "free",
        "sfr",
        "qq",
        "163",
        "126",
        "foxmail",
        "naver",
        "daum",
        "hanmail",
        "comcast",
        "verizon",
        "att",
        "sbcglobal",
        "bellsouth",
        "cox",
        "btinternet",
        "wp",
        "onet",
        "o2",
        "seznam",
        "windowslive",
        "rediffmail",
        "posteo",
        "uol",
        "bol",
        "terra",
        "bigpond",
        "hey",
        "hushmail",
        "mailbox",
        "arcor",
        "bluewin",
    ]
)
"""Domains whose mailboxes belong to people, so that mail from them can only come from the provider itself."""
