"use strict";
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, text = "", within = null) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (within) within.append(made);
    return made;
  };
  const held = $("#data");
  const data = held ? JSON.parse(held.textContent) : { figures: {}, samples: {}, prompts: {} };
  Object.values(data.figures).forEach(({ curves }) => (curves || []).forEach((curve) => {
    curve[1] = curve[1] || curves[0][1];
  }));

  /* Claims: what is chosen stands in the address, as #claims?word=doubtful&q=n. */
  const form = $(".facets");
  const rows = all(".claims tbody tr");
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const fits = (text, word) => /^[\p{L}\p{N}]{1,2}$/u.test(word)
    ? text.split(/[^\p{L}\p{N}'’]+/u).includes(word) : text.includes(word);
  const numbers = all(".printed td[id]");
  const printed = (value) => {  // where a number that is searched for is printed
    const met = value ? numbers.filter((cell) => cell.textContent === value).slice(0, 12) : [];
    const said = $("#printed-in");
    said.replaceChildren(met.length ? `${value} is printed in ` : "");
    met.forEach((cell, index) => {
      const name = cell.closest(".printed").querySelector("strong").textContent;
      const link = make("a", `${name}, ${cell.parentElement.cells[0].textContent}`, said);
      link.href = `#${cell.id}`;
      said.append(` (${cell.className.slice(2) || "read by no check"})${index < met.length - 1 ? "; " : ""}`);
    });
  };
  const choose = () => {
    printed(form.q.value.trim());
    const chosen = [...new FormData(form)].filter(([, value]) => value.trim());
    const words = (form.q.value.toLowerCase().match(/\S+/g) || []);
    let claims = 0, shown = 0;
    rows.forEach((row, index) => {
      const kept = chosen.every(([name, value]) => name === "q" || row.dataset[name] === value);
      row.hidden = !(kept && words.every((word) => fits(texts[index], word)));
      if (!row.hidden) { shown += 1; claims += Number(row.dataset.count); }
    });
    $("output", form).textContent = `${claims} claims in ${shown} rows`;
    return new URLSearchParams(chosen).toString();
  };
  const settle = (asked) => {
    all("select, input", form).forEach((field) => { field.value = asked.get(field.name) || ""; });
    choose();
  };
  if (form) {
    form.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => {
      const state = choose();
      history.replaceState(null, "", state ? `#claims?${state}` : "#claims");
    });
    form.addEventListener("reset", () => setTimeout(() => { choose(); history.replaceState(null, "", "#claims"); }));
    all("a[data-kind]").forEach((link) => {
      link.href = `#claims?${new URLSearchParams({ ...link.dataset })}`;
    });
    choose();
  }

  /* Addresses: an id opens what holds it; a state chooses claims. */
  const reveal = () => {
    const [name, state] = decodeURIComponent(location.hash.slice(1)).split("?");
    const target = name && document.getElementById(name);
    if (!target) return;
    if (form && name === "claims") settle(new URLSearchParams(state || ""));
    if (form && target.hidden) { form.reset(); settle(new URLSearchParams()); }
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    all(".target").forEach((one) => one.classList.remove("target"));
    if (!["SECTION", "HEADER"].includes(target.tagName)) target.classList.add("target");
    if (target.dataset.checks) parts(target);
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);

  /* One box that filters what other pages list. */
  const box = $("#filter");
  if (box) {
    box.closest(".filter").hidden = false;
    const listed = all("main tbody tr, main section.task");
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().match(/\S+/g) || [];
      listed.forEach((one) => { one.hidden = !words.every((word) => one.textContent.toLowerCase().includes(word)); });
    });
  }

  /* Tables: a heading sorts. */
  const key = (cell) => {
    const text = cell ? cell.textContent.trim() : "";
    const number = parseFloat(text);
    return Number.isNaN(number) ? text.toLowerCase() : number;
  };
  all("table.sortable").filter((table) => table.tBodies[0].rows.length > 8).forEach((table) => {
    all("thead th", table).forEach((head, column) => {
      const button = make("button", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const order = [...table.tBodies[0].rows].sort((a, b) => {
          const [x, y] = [key(a.cells[column]), key(b.cells[column])];
          const less = typeof x === typeof y ? x < y : typeof x === "number";
          return x === y ? 0 : (less ? -1 : 1) * (up ? 1 : -1);
        });
        table.tBodies[0].append(...order);
      });
    });
  });

  /* Printed tables: a cell shows the cells of its hardest check. */
  const checks = all(".claims .check");
  const parts = (cell) => {
    all(".part").forEach((one) => one.classList.remove("part"));
    const said = $(".parts", cell.closest(".printed"));
    said.replaceChildren();
    const read = cell.dataset.checks.split(" ").filter(Boolean);
    read.slice(0, 3).forEach((place) => {
      const check = checks[place];
      const row = check.closest("tr");
      const line = make("div", `${row.dataset.word}: ${(check === row ? row.cells[3] : check).textContent.replace(/\s+/g, " ")} `, said);
      if (check === row) make("a", `#${row.id}`, line).href = `#${row.id}`;
    });
    if (read.length > 3) make("div", `and ${read.length - 3} more checks`, said);
    if (cell.dataset.measured) make("div", `measured again: ${cell.dataset.measured}`, said);
    all(`td[data-checks~="${read[0]}"]`).forEach((one) => one.classList.add("part"));
  };
  all(".printed").forEach((table) => {  // one stop of Tab; arrows go from cell to cell
    const cells = all("td[data-checks]", table);
    const beside = (cell, step, line) => {
      const among = cells.filter((one) => one[line] === cell[line]);
      return among[among.indexOf(cell) + step];
    };
    const moves = { ArrowRight: [1, "parentElement"], ArrowLeft: [-1, "parentElement"],
      ArrowDown: [1, "offsetLeft"], ArrowUp: [-1, "offsetLeft"] };
    cells.forEach((cell, index) => {
      cell.tabIndex = index ? -1 : 0;
      cell.addEventListener("mouseenter", () => parts(cell));
      cell.addEventListener("click", () => parts(cell));
      cell.addEventListener("focus", () => {
        cells.forEach((one) => { one.tabIndex = one === cell ? 0 : -1; });
        parts(cell);
      });
      cell.addEventListener("keydown", (event) => {
        const next = moves[event.key] && beside(cell, ...moves[event.key]);
        if (next) { event.preventDefault(); next.focus(); }
      });
    });
  });

  /* Pictures: choose series, read values at a place, take the numbers along. */
  const csv = (lines) => lines.map((line) => line.map((value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const inert = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(inert) ? `"${inert.replace(/"/g, '""')}"` : inert;
  }).join(",")).join("\n");
  const linesOf = (figure, found) => {
    if (found.curves) {
      return [["series", found.x, found.y, "lo", "hi"], ...found.curves.flatMap(([name, x, y, lo, hi]) =>
        x.map((at, i) => [name, at, y[i], lo[i], hi[i]]))];
    }
    if (found.values) {
      return [[found.x, found.y, found.value], ...found.rows.flatMap((row, i) =>
        found.columns.map((column, j) => [column, row, found.values[i][j]]))];
    }
    if (found.table) return [found.heads, ...found.table];
    return all("tr", figure).map((row) => [...row.cells].map((cell) => cell.textContent));
  };
  const reader = (figure, found, tools) => {
    const label = make("label", `read at ${found.x} `, tools);
    const places = [...new Set(found.curves.flatMap((curve) => curve[1]))].sort((a, b) => a - b);
    const slider = make("input", "", label);
    Object.assign(slider, { type: "range", min: 0, max: places.length - 1, value: 0 });
    const said = make("output", "", tools);
    slider.addEventListener("input", () => {
      const at = places[slider.value];
      const values = found.curves.filter((curve) => curve[1].includes(at)).map(([name, x, y]) =>
        `${name} ${y[x.indexOf(at)] === null ? "—" : Number(y[x.indexOf(at)].toPrecision(4))}`);
      said.textContent = `${at}: ${values.join("; ")}`;
    });
  };
  const fill = (figure, found, tools) => {
    if (found.curves && found.curves.length > 4) {
      found.curves.forEach(([name], index) => {
        const label = make("label", "", tools);
        const check = make("input", "", label);
        Object.assign(check, { type: "checkbox", checked: true });
        label.append(` ${name}`);
        check.addEventListener("change", () => {
          all(`[data-series="${index}"]`, figure).forEach((one) => one.classList.toggle("off", !check.checked));
        });
      });
    }
    if (found.curves && found.curves.some((curve) => curve[1].length > 4)) reader(figure, found, tools);
    const button = make("button", "numbers as CSV", tools);
    button.type = "button";
    button.addEventListener("click", () => {
      const link = make("a");
      link.href = URL.createObjectURL(new Blob([csv(linesOf(figure, found))], { type: "text/csv" }));
      link.download = `${figure.id}.csv`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
  };
  all("figure").forEach((figure) => {
    const found = data.figures[figure.id];
    if (!found) return;
    const shell = make("details", "", figure);
    shell.className = "tools";
    make("summary", found.curves ? "read values, choose series, take the numbers" : "take the numbers", shell);
    shell.addEventListener("toggle", () => {
      if (shell.childElementCount === 1) fill(figure, found, make("div", "", shell));
    });
  });

  /* Samples: twenty-five at a time, drawn when they are asked for. */
  const table = (heads, lines, within) => {
    const made = make("table", "", make("div", "", within));
    made.parentElement.className = "scroll";
    made.className = "small";
    const top = make("tr", "", make("thead", "", made));
    heads.forEach((head) => make("th", head, top));
    const body = make("tbody", "", made);
    lines.forEach((line) => {
      const row = make("tr", "", body);
      line.forEach((text) => make("td", text, row));
    });
  };
  /* Files of a sample, where they still lie: side by side, in step, and as frames evenly in time. */
  const FRAMES = 6;
  const filmstrip = (video, within) => {
    if (!Number.isFinite(video.duration)) return;
    for (let index = 0; index < FRAMES; index += 1) {
      const at = (video.duration - 0.05) * index / (FRAMES - 1);
      const frame = make("video", "", within);
      Object.assign(frame, { src: `${video.src}#t=${at.toFixed(3)}`, preload: "metadata", muted: true, tabIndex: -1 });
      frame.setAttribute("aria-label", `frame at ${at.toFixed(2)} s`);
    }
  };
  const play = (media, shell) => {
    const row = make("div", "", shell);
    row.className = "media";
    const videos = [];
    media.forEach(([label, link]) => {
      const still = /\.(png|jpe?g|webp|bmp)$/i.test(link);
      const holder = make("div", "", row);
      const name = `${label}: ${decodeURIComponent(link.split("/").pop())}`;
      make("small", name, holder);
      const shown = make(still ? "img" : "video", "", holder);
      shown.addEventListener("error", () => {
        make("p", `not at hand, or in no format that this browser plays: ${decodeURIComponent(link)}`, holder).className = "note";
        shown.remove();
      });
      if (still) { Object.assign(shown, { src: link, alt: name }); return; }
      videos.push(shown);
      const strip = make("div", "", holder);
      strip.className = "frames";
      shown.addEventListener("loadedmetadata", () => filmstrip(shown, strip), { once: true });
      Object.assign(shown, { src: link, controls: true, muted: true, loop: true, preload: "metadata" });
      shown.setAttribute("aria-label", name);
    });
    if (videos.length < 2) return;
    const button = make("button", "play together", shell);
    button.type = "button";
    button.addEventListener("click", () => {
      const some = videos.filter((one) => one.isConnected);
      const paused = some.every((one) => one.paused);
      some.forEach((one) => {
        one.currentTime = some[0].currentTime;
        if (paused) one.play(); else one.pause();
      });
      button.textContent = paused ? "pause" : "play together";
    });
  };
  const drawSample = (one, prompts, within) => {
    const shell = make("details", "", within);
    shell.className = "sample";
    const head = make("summary", "", shell);
    make("code", one.id, head);
    if (one.missing) make("span", ` ○ ${one.missing} `, head).className = "badge open";
    if (one.differs) make("span", " ~ scorers differ ", head).className = "badge doubt";
    make("small", ` ${one.labels}`, head);
    shell.addEventListener("toggle", () => {
      if (shell.childElementCount > 1) return;
      if (one.media.length) play(one.media, shell);
      if (one.replies.length) {
        const asked = one.prompts.some(Boolean);
        table(["question", ...(asked ? ["prompt"] : []), "reply as given", "note"],
          one.replies.map(([question, ...rest], index) => [question, ...(asked ? [prompts[one.prompts[index]]] : []), ...rest]), shell);
      }
      if (one.scores.length) {
        table(["scorer", ...one.scores[0][1].map(([metric]) => metric)],
          one.scores.map(([scorer, values]) => [scorer, ...values.map(([, value]) => value)]), shell);
      }
    });
  };
  const PAGE = 25;
  all("[data-samples]").forEach((shell) => {
    const found = data.samples[shell.dataset.samples] || [];
    let first = 0, body = null, chosen = found;
    const draw = () => {
      body.replaceChildren();
      chosen.slice(first, first + PAGE).forEach((one) => drawSample(one, data.prompts[shell.dataset.samples], body));
      $("output", shell).textContent = chosen.length
        ? `${first + 1} to ${Math.min(first + PAGE, chosen.length)} of ${chosen.length}` : "none";
    };
    shell.addEventListener("toggle", () => {
      if (body || !shell.open) return;
      const tools = make("div", "", shell);
      tools.className = "tools";
      const find = make("input", "", make("label", "search ", tools));
      find.type = "search";
      const differs = make("label", "", tools);
      const tick = make("input", "", differs);
      tick.type = "checkbox";
      differs.append(" scorers differ");
      const again = () => {
        const words = find.value.toLowerCase().match(/\S+/g) || [];
        chosen = found.filter((one) => (!tick.checked || one.differs)
          && words.every((word) => `${one.id} ${one.labels} ${one.missing} ${one.replies}`.toLowerCase().includes(word)));
        first = 0;
        draw();
      };
      find.addEventListener("input", again);
      tick.addEventListener("change", again);
      [["earlier", -PAGE], ["later", PAGE]].forEach(([name, step]) => {
        const button = make("button", name, tools);
        button.type = "button";
        button.addEventListener("click", () => {
          first = Math.max(0, first + step < chosen.length ? first + step : first);
          draw();
        });
      });
      make("output", "", tools);
      body = make("div", "", shell);
      draw();
    });
  });

  /* The exact factor of one step beside the paper's. */
  const explorer = $("#explorer");
  if (explorer) {
    const fields = $("form", explorer);
    const show = () => {
      const [alpha, beta, norm] = ["alpha", "beta", "key"].map((name) => Number(fields[name].value));
      const x = beta * norm;
      const exact = Math.max(alpha, Math.abs(alpha - x)), paper = alpha + x;
      all("label", fields).forEach((label) => { $("output", label).textContent = Number($("input", label).value).toFixed(2); });
      const steps = exact < 1 && exact > 0 ? ` An error halves in ${(Math.log(0.5) / Math.log(exact)).toFixed(1)} steps.` : "";
      const limit = paper < 1 ? ` The paper's limit is ${(1 / (1 - paper)).toFixed(2)} ξ, by the exact factor ${(1 / (1 - exact)).toFixed(2)} ξ.` : "";
      const word = exact > 1 ? "The step expands." : exact === 1 ? "The step neither contracts nor expands."
        : paper < 1 ? "The step contracts, and the paper certifies it." : "The step contracts, but is not certified.";
      $(".said", fields).textContent = `Exact factor λ = ${exact.toFixed(3)}, paper's factor ρ = ${paper.toFixed(3)} (${(paper / exact).toFixed(2)} times). ${word}${steps}${limit}`;
      const dot = $("circle", explorer);
      dot.setAttribute("cx", 50 + 300 * alpha);
      dot.setAttribute("cy", 260 - 125 * x);
    };
    fields.addEventListener("input", show);
    show();
  }

  /* On paper every finding is open. */
  addEventListener("beforeprint", () => all("#findings details").forEach((one) => { one.open = true; }));
  reveal();
})();
