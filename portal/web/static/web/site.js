// Two conveniences; every page works without them.
// 1. [data-copy="#id"]: a button that copies an element's text.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent.trim());
    const word = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = word; }, 1500);
  });
}
// 2. [data-live="/address"]: a form whose answer to its own fields is shown in #live while they change.
for (const form of document.querySelectorAll("form[data-live]")) {
  const target = form.querySelector("[data-live-target]");
  let waiting;
  const showSoon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const query = new URLSearchParams();
      for (const name of form.dataset.liveFields.split(" ")) query.set(name, form.elements[name].value);
      const answer = await fetch(`${form.dataset.live}?${query}`);
      if (answer.ok) target.textContent = await answer.text();
    }, 250);
  };
  form.addEventListener("input", showSoon);
  // Filled in before this script was there.
  if ([...form.elements].some((field) => "defaultValue" in field && field.value !== field.defaultValue)) showSoon();
}
