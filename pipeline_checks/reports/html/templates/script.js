"use strict";
// Nothing of this is needed to read the page: it filters findings, shows those that are packed, and opens what a link names.
(() => {
  const STEP = 60;
  const [KIND, CHECK, JUDGED, STAGE, VERDICT, KEY, POSITION, MESSAGE, EXPECTED, SEEN, WAY] = Array(11).keys();

  function element(tag, type, ...children) {
    const made = document.createElement(tag);
    if (type) made.className = type;
    made.append(...children.filter((child) => child !== null && child !== ""));
    return made;
  }

  function way(halts) {
    return element("ol", "way", ...halts.map(([stage, state, said, position, values]) =>
      element("li", state, element("b", "", stage),
        state === "first" ? element("i", "", "first wrong here") : null,
        values ? element("code", "", values) : null,
        said ? element("span", "", said) : null,
        position ? element("small", "", position) : null)));
  }

  function card(row) {
    const facts = element("dl", "");
    const tell = (name, value, tag) => {
      if (value) facts.append(element("dt", "", name), element("dd", "", tag ? element(tag, "", value) : value));
    };
    tell("key", row[KEY], "code");
    tell("position", row[POSITION]);
    tell("expected", row[EXPECTED], "code");
    tell("seen", row[SEEN], "code");
    tell("found by", row[CHECK] + " of " + row[JUDGED]);
    return element("article", "finding",
      element("h4", "", element("span", "pill " + row[VERDICT], row[VERDICT]), " " + row[KIND] + " ",
        element("span", "at", "at " + row[STAGE])),
      element("p", "", row[MESSAGE]), facts, row[WAY].length ? way(row[WAY]) : null);
  }

  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  function prepare(section) {
    const store = document.getElementById(section.dataset.packed);
    const [form, shown, list, more] = [".filter", ".shown", ".cards", ".more"].map((s) => section.querySelector(s));
    const [kinds, stages] = form.querySelectorAll("select");
    const search = form.querySelector("input");
    const [listed, total] = [Number(store.dataset.listed), Number(store.dataset.total)];
    let rows = null, found = [], next = list.children.length;

    const number = (value) => value.toLocaleString("en");
    const tell = () => {
      more.hidden = next >= (rows ? found.length : listed);
      const chosen = rows && found.length < rows.length ? " (" + number(found.length) + " chosen)" : "";
      const rest = listed < total ? ", " + number(listed) + " of them on this page" : "";
      shown.textContent = number(next) + " of " + number(total) + " shown" + chosen + rest + ".";
    };

    async function load() {
      if (rows) return;
      rows = await unpacked(store.textContent);
      found = rows;
      for (const [select, column] of [[kinds, KIND], [stages, STAGE]]) {
        for (const value of [...new Set(rows.map((row) => row[column]))].sort()) select.append(new Option(value, value));
      }
    }

    function choose() {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      found = rows.filter((row) => {
        if ((kinds.value && row[KIND] !== kinds.value) || (stages.value && row[STAGE] !== stages.value)) return false;
        if (!words.length) return true;
        const text = row.join("\n").toLowerCase();
        return words.every((word) => text.includes(word));
      });
      list.replaceChildren();
      next = 0;
      show();
    }

    function show() {
      list.append(...found.slice(next, next + STEP).map(card));
      next = list.children.length;
      tell();
    }

    form.addEventListener("submit", (event) => event.preventDefault());
    for (const event of ["focusin", "pointerover"]) form.addEventListener(event, load, { once: true });
    form.addEventListener("input", async () => { await load(); choose(); });
    more.addEventListener("click", async () => { await load(); show(); });
    form.hidden = listed < 2;
    tell();
  }

  function open() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let place = target; place; place = place.parentElement) if (place.tagName === "DETAILS") place.open = true;
    target.scrollIntoView();
  }

  if ("DecompressionStream" in window) document.querySelectorAll(".findings").forEach(prepare);
  window.addEventListener("hashchange", open);
  open();
})();
