// Small comforts. Every page is complete without them.
(() => {
  "use strict";

  // Copy buttons, where the browser lets us write to the clipboard.
  for (const box of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    const [code, button, status] = ["code", "button", "[role=status]"].map((it) => box.querySelector(it));
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = status.textContent = "Copied";
        setTimeout(() => {
          button.textContent = "Copy";
          status.textContent = "";
        }, 3000);
      } catch {
        getSelection().selectAllChildren(code);
      }
    });
  }

  // A filter for long lists. What is chosen stays visible.
  for (const box of document.querySelectorAll("[data-filter]")) {
    const rows = [...document.getElementById(box.dataset.filter).children];
    const input = box.querySelector("input");
    const status = box.querySelector("[role=status]");
    const apply = () => {
      const wanted = input.value.trim().toLowerCase();
      let shown = 0;
      for (const row of rows) {
        const found = row.textContent.toLowerCase().includes(wanted);
        row.hidden = !found && !row.querySelector(":checked");
        shown += found ? 1 : 0;
      }
      status.textContent = wanted ? `${shown} of ${rows.length} sites` : "";
    };
    box.hidden = false;
    input.addEventListener("input", apply);
    // Enter here means "filter", not "use this site".
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
    apply();
  }

  // A question asked in place; without this it has a page of its own.
  for (const link of document.querySelectorAll("a[data-dialog]")) {
    const dialog = document.getElementById(link.dataset.dialog);
    if (!dialog || !dialog.showModal) continue;
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      dialog.showModal();
    });
  }

  // The state of a connection, asked again while somebody looks; after a few failures no more.
  for (const box of document.querySelectorAll("[data-live]")) {
    const word = () => box.querySelector("[data-state]")?.dataset.state;
    const first = word();
    let failures = 0;
    const look = async () => {
      if (document.hidden) return;
      try {
        // Once the session has ended it leads to the sign-in: no state, and no error of ours.
        const res = await fetch(box.dataset.live, { redirect: "manual" });
        if (!res.ok) throw new Error(res.status);
        const page = new DOMParser().parseFromString(await res.text(), "text/html");
        const fresh = page.querySelector("[data-live]");
        failures = 0;
        // What is the same is not read out again.
        if (fresh.textContent.trim() !== box.textContent.trim()) box.replaceChildren(...fresh.childNodes);
        document.getElementById("changed").hidden = word() === first;
      } catch {
        failures += 1;
        if (failures === 5) clearInterval(timer);
      }
    };
    const timer = setInterval(look, 10_000);
  }

  // What is no trouble yet can be put away, by this person in this browser.
  for (const box of document.querySelectorAll("[data-dismiss]")) {
    const button = box.querySelector("button");
    const name = `away-${box.dataset.dismiss}`;
    try {
      box.hidden = localStorage.getItem(name) !== null;
      if (button) button.hidden = false;
      button?.addEventListener("click", () => {
        localStorage.setItem(name, "1");
        box.hidden = true;
        const next = [...document.querySelectorAll("main h2")].find((it) => !box.contains(it));
        const heading = next ?? document.querySelector("h1");
        heading.tabIndex = -1;
        heading.focus();
      });
    } catch {
      // Where nothing can be kept, nothing is put away.
    }
  }

  // The menu closes as menus do.
  const menu = document.querySelector("details.menu");
  if (menu) {
    document.addEventListener("click", (event) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }
})();
