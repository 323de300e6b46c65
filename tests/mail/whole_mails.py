"""Fifty whole mails as people really get them: ten ways in which programs and editors lay mail out, each with five contents.

A way is HTML with places for what it says, and the numbers of links in it that lead away from the mail.
"""

from __future__ import annotations

CONTENTS: tuple[dict[str, str], ...] = (
    {"lang": "en", "title": "Your order #4711 is on its way", "name": "Ann O’Brien", "host": "shop.test", "word": "Track your parcel"},
    {"lang": "de", "title": "Ihre Rechnung f&uuml;r M&auml;rz", "name": "J&#252;rgen Groß", "host": "rechnung.test", "word": "Rechnung öffnen"},
    {"lang": "ja", "title": "ご注文ありがとうございます", "name": "山田 太郎 様", "host": "店.test", "word": "詳細はこちら"},
    {"lang": "ar", "title": "مرحبا بك", "name": "فاطمة", "host": "souq.test", "word": "ابدأ الآن"},
    {"lang": "fr", "title": "L’actualité &laquo;&nbsp;verte&nbsp;&raquo;", "name": "Zo&eacute; &amp; L&eacute;o", "host": "journal.test",
     "word": "Lire l’article &rarr;"},
)  # fmt: skip

_RESPONSIVE = """<!doctype html>
<html lang="{lang}" xmlns="http://www.w3.org/1999/xhtml" xmlns:v="urn:schemas-microsoft-com:vml"
xmlns:o="urn:schemas-microsoft-com:office:office">
<head><title>{title}</title><!--[if !mso]><!--><meta http-equiv="X-UA-Compatible" content="IE=edge"><!--<![endif]-->
<style type="text/css">#outlook a {{ padding:0; }} a[href^="https://{host}"] {{ color:#c00 }} @media (max-width:480px) {{ .c > a:hover {{
top:0 }} }}</style>
<!--[if mso]><noscript><xml><o:OfficeDocumentSettings><o:AllowPNG/></o:OfficeDocumentSettings></xml></noscript><![endif]-->
<!--[if lte mso 11]><style type="text/css">.g {{ width:100% !important; }}</style><![endif]--></head>
<body style="word-spacing:normal;"><div style="display:none;font-size:1px;max-height:0">{title} &#847; &zwnj; &nbsp;</div>
<!--[if mso | IE]><table align="center" role="presentation" width="600" bgcolor="#fff"><tr><td style="line-height:0px"><![endif]-->
<table role="presentation" align="center"><tbody><tr><td><p>{name},</p>
<a href="https://{host}/go?utm_source=mail&amp;utm_campaign=a%20b&amp;id=1" target="_blank" style="display:inline-block">{word}</a>
<a href='https://{host}/img'><img alt="a > b" src="https://{host}/i.png" width="550"/></a>
</td></tr></tbody></table><!--[if mso | IE]></td></tr></table><![endif]--></body></html>"""

_BUTTON_FOR_OUTLOOK = """<html><body bgcolor=#ffffff><table width=600 cellpadding=0><tr><td align=center>
<div><!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" xmlns:w="urn:schemas-microsoft-com:office:word"
 href="https://{host}/buy" style="height:40px;v-text-anchor:middle;width:200px;" arcsize="10%" stroke="f" fillcolor="#d62828"><w:anchorlock/>
<center style="color:#fff">{word}</center></v:roundrect><![endif]--><![if !mso]><a href="https://{host}/buy"
style="background-color:#d62828;-webkit-text-size-adjust:none;">{word}</a><![endif]></div>
<p>{name}: {title}</p><p><a href="mailto:help@{host}?subject=Re%3A%20help">?</a> <a href="tel:+431234">☎</a></p></table></body></html>"""

_OFFICE = """<html xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"
xmlns:w="urn:schemas-microsoft-com:office:word" xmlns="http://www.w3.org/TR/REC-html40">
<head><meta http-equiv=Content-Type content="text/html; charset=utf-8"><meta name=Generator content="Microsoft Word 15 (filtered medium)">
<style><!-- /* Font Definitions */ @font-face {{font-family:Calibri;}} p.MsoNormal, li.MsoNormal {{margin:0cm;}} a:link {{color:#0563C1}}
--></style>
<!--[if gte mso 9]><xml><o:shapedefaults v:ext="edit" spidmax="1026" /></xml><![endif]--></head>
<body lang=EN-GB link="#0563C1" vlink="#954F72" style='word-wrap:break-word'><div class=WordSection1><p class=MsoNormal>{name},<o:p></o:p></p>
<p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal><a href="https://{host}/doc.aspx?a=1&amp;b=2#p"><span
style='color:#0563C1'>{word}</span></a><o:p></o:p></p>
<div><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p class=MsoNormal><b>From:</b> a &lt;<a
href="mailto:a@{host}">a@{host}</a>&gt;<br><b>Subject:</b> {title}</p></div></div></div></body></html>"""

_WEBMAIL = """<div dir="ltr">{name},<div><br></div><div>{title} <a href="https://{host}/x" target="_blank"
rel="noreferrer">{host}</a></div></div>
<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Mon, 3 Mar 2025, a &lt;<a href="mailto:a@{host}">a@{host}</a>&gt;
wrote:<br></div>
<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204)"><u></u><div><p>{word}
<a href="https://www.google.com/url?q=https://{host}/y&amp;sa=D&amp;source=calendar" target="_blank">1</a></p></div></blockquote></div>"""

_LETTER = """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8" /><title>{title}</title>
<base target="_blank" /></head><body leftmargin="0" marginwidth="0"><center><table border="0" width="100%" id="bodyTable"><tr><td>
<a href="https://{host}/view?e=1" title="{title}">{word}</a><br /><map name="m{lang}"><area shape="rect" coords="0,0,9,9"
href="https://{host}/map" alt="" /></map>
<img usemap="#m{lang}" src="cid:part1.0608@{host}" alt="" /><h2><a name="top"></a>{name}</h2><a href="#top">&uarr;</a>
<a href="https://{host}/unsubscribe?u=5&amp;id=7">-</a> <a href="https://{host}/p/9">Unsubscribe</a></td></tr></table></center></body></html>"""

_NOTICE = """<p>{name}</p>

<p>{title}</p>

<ul>
<li><a href="https://{host}/i/12">#12</a> <code>&lt;a href="https://no.test/"&gt;</code></li>
<li><a class="user-mention" data-octo-click="hovercard" data-url="https://no.test/users/1" href="https://{host}/u/1">@u</a></li>
</ul>
<pre>curl https://no.test/ | sh  # 1 < 2 && 3 > 2</pre>
<p style="font-size:small;color:#666;">&mdash;<br />{word}, <a href="https://{host}/i/12#c-3">view it</a>, or <a
href="https://{host}/notifications/unsubscribe-auth/AB">unsubscribe</a>.
<img src="https://{host}/beacon/AB.gif" height="1" width="1" alt="" /></p>
<script
type="application/ld+json">[{{"@context":"http://schema.org","@type":"EmailMessage","potentialAction":{{"url":"https://{host}/i/12"}}}}]</script>"""

_OLD = """<HTML><HEAD><TITLE>{title}</TITLE></HEAD><BODY BGCOLOR="#FFFFFF" TEXT=#000000><FONT FACE="Arial" SIZE=2>{name}
<P>{word}<BR><A HREF=https://{host}/index.php?id=1&lang=x TARGET=_new><B>{host}</B></A><P><A HREF="http://{host}/a b/c">x</A>
<TABLE><TR><TD><A HREF='https://{host}/l'><IMG SRC=https://{host}/l.gif BORDER=0></A><TD>&copy 1999</TABLE></FONT></BODY></HTML>
"""

_BROKEN = """<html><body><p>{name}<b><i>{title}</b></i><p><a href="https://{host}/1">{word}<a href="https://{host}/2">{word}</a>
<div><table><tr><td><a href=https://{host}/3/ >x</td></tr><a href="https://{host}/4">y</a></table></p></body></html><div>
<a href="https://{host}/5">after the end</a>"""

_DARK = """<!DOCTYPE html><html lang="{lang}" dir="auto"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<style>:root {{ color-scheme: light dark }} @media (prefers-color-scheme: dark) {{ .d::after {{ content: '<a href="https://no.test/">' }} }}
u + .body .g {{ display: block }} [data-ogsc] a {{ color: #fff }}</style></head><body class="body" style="margin:0;padding:0">
<div role="article" aria-roledescription="email" aria-label="{title}" lang="{lang}"><a
  class="d"
  href="https://{host}/long?x=1&amp;y=%7B%22a%22%3A1%7D&amp;z=~%2B"
  style="color:#fff; background: url('https://{host}/bg.png') no-repeat"
>{word}</a><picture><source srcset="https://{host}/d.png" media="(prefers-color-scheme: dark)"><img src="https://{host}/l.png" alt=""></picture>
<details><summary>{name}</summary><a href="https://{host}/d">+</a></details><a href="" role=button>.</a></div></body></html>"""

_APP = """<html><head><meta name="format-detection" content="telephone=no, date=no"></head><body dir="rtl"><svg width="9" height="9"
viewBox="0 0 9 9">
<title>{title}</title><a href="https://{host}/svg" xlink:href="https://no.test/"><circle r="4"/></a></svg><p>{name}</p>
<a href="app-{lang}://open?x=1">{word}</a><a href="https://{host}/app/%E2%9C%93?q=&quot;a&quot;">{word}</a><a data-track="off"
href="https://{host}/password/reset/XYZ">x</a>
<form action="https://{host}/rsvp" method="get"><input name="q"><button>ok</button></form></body></html>"""

WAYS: tuple[tuple[str, int], ...] = (
    (_RESPONSIVE, 2), (_BUTTON_FOR_OUTLOOK, 1), (_OFFICE, 1), (_WEBMAIL, 2), (_LETTER, 2), (_NOTICE, 3), (_OLD, 3), (_BROKEN, 5),
    (_DARK, 2), (_APP, 2),
)  # fmt: skip

WHOLE_MAILS: tuple[tuple[str, int], ...] = tuple(
    (way.format(**content), number) for way, number in WAYS for content in CONTENTS
)
