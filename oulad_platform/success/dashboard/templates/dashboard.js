(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const choices = ["module", "presentation"].map((name) => document.getElementById(name));
  const show = () => {
    const [module, presentation] = choices.map((choice) => choice.value);
    const chosen = module !== "" || presentation !== "";
    document.body.classList.toggle("chosen", chosen);
    for (const row of document.querySelectorAll("[data-module]")) {
      const own = row.dataset;
      row.hidden = (module !== "" && own.module !== module) ||
        (presentation !== "" && own.presentation !== undefined && own.presentation !== presentation);
    }
    for (const row of document.querySelectorAll("[data-total]")) row.hidden = chosen;
    for (const note of document.querySelectorAll(".none")) {
      const region = note.previousElementSibling;
      const left = region.querySelector("tbody tr:not([hidden])");
      region.hidden = !left;
      note.hidden = Boolean(left);
    }
    const names = choices.map((choice) => choice.selectedOptions[0].textContent).join(", ");
    const rows = document.querySelectorAll("#risk tr[data-module]:not([hidden])").length;
    const rest = chosen ? " Sentences and charts tell of all courses." : "";
    document.getElementById("status").textContent = `Shown: ${names}; courses: ${rows}.${rest}`;
  };
  for (const choice of choices) choice.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();
})();
