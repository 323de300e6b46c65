// What makes the console quicker to use. Everything works without it.
"use strict";
(() => {
  const here = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Whoever has not chosen a time zone gets the browser's, from the next page on.
  const word = document.body.dataset.guessZone;
  if (word) {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    fetch("/console/me/zone", { method: "POST", body: new URLSearchParams({ csrf: word, zone }) }).catch(() => {});
  }

  // Choices that search at once.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });

  // What cannot be undone asks first.
  document.addEventListener("submit", (event) => {
    const asks = event.target.dataset.ask;
    if (asks && !window.confirm(asks)) event.preventDefault();
  });

  // A file is read into the field that takes its text.
  for (const chooser of here("[data-into]")) {
    chooser.hidden = false;
    chooser.addEventListener("change", async () => {
      if (chooser.files[0]) document.getElementById(chooser.dataset.into).value = await chooser.files[0].text();
    });
  }

  // Ids are copied by a press.
  document.addEventListener("click", (event) => {
    const place = event.target.closest("[data-copy]");
    if (!place || event.target.closest("a") || !navigator.clipboard) return;
    navigator.clipboard.writeText(place.dataset.copy || place.textContent.trim()).then(() => {
      place.classList.add("copied");
      setTimeout(() => place.classList.remove("copied"), 1200);
    });
  });

  // Rows that came while the page was open are announced, never pushed in.
  for (const bar of here("[data-live]")) {
    const text = bar.querySelector("[data-live-text]");
    let source = null;
    const listen = () => {
      if (source) return;
      const ask = new URL(bar.dataset.live, location.href);
      if (bar.dataset.newest) ask.searchParams.set("newest", bar.dataset.newest);
      source = new EventSource(ask);
      source.addEventListener("newer", (event) => {
        const many = Number(event.data);
        bar.hidden = many === 0;
        text.textContent = many === 1 ? text.dataset.one : text.dataset.many.replace("#", many >= 100 ? "100+" : many);
      });
    };
    const rest = () => {
      if (source) source.close();
      source = null;
    };
    document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
    window.addEventListener("pagehide", rest);
    listen();
  }

  // What was unfolded stays so when a part of the page is renewed.
  const open = new Set();
  document.addEventListener("htmx:beforeSwap", () => {
    open.clear();
    for (const fold of here("details[data-key-id][open]")) open.add(fold.dataset.keyId);
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const fold of here("details[data-key-id]")) if (open.has(fold.dataset.keyId)) fold.open = true;
  });

  // Keys: ? tells them, / searches, g and a letter goes, j and k walk through rows, Enter opens.
  const goes = {};
  for (const link of here("[data-go]")) goes[link.dataset.go] = link.href;
  const rows = here("[data-rows] tbody tr");
  for (const button of here("[data-keys]")) {
    button.hidden = false;
    button.addEventListener("click", () => document.getElementById("keys").showModal());
  }
  let going = false;
  let at = -1;
  const walk = (step) => {
    if (!rows.length) return;
    if (at >= 0) rows[at].classList.remove("chosen-row");
    at = Math.max(0, Math.min(rows.length - 1, at + step));
    rows[at].classList.add("chosen-row");
    const link = rows[at].querySelector("a");
    if (link) link.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (going) {
      going = false;
      if (goes[event.key]) location.href = goes[event.key];
      return;
    }
    if (event.key === "g") going = true;
    else if (event.key === "?") {
      const keys = document.getElementById("keys");
      if (keys && !keys.open) keys.showModal();
    } else if (event.key === "j") walk(1);
    else if (event.key === "k") walk(-1);
    else if (event.key === "/") {
      const search = document.querySelector('[data-key="/"]');
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    }
  });
})();
