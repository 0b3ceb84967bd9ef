<script>
// Keys: arrows go to the next person, r is a random one, z takes a step back, f keeps a favourite.
(() => {
  const keys = { ArrowLeft: "previous", ArrowRight: "next", r: "random", z: "undo", f: "favour" };
  const press = id => document.querySelector(`#${id}, #${id} button`)?.click();
  document.addEventListener("keydown", event => {
    const busy = event.target.closest("input, textarea, select, [role=tab], [role=listbox], [contenteditable]");
    if (busy || event.altKey || event.metaKey || (event.ctrlKey && event.key !== "z") || !keys[event.key]) return;
    event.preventDefault();
    press(keys[event.key]);
  });
  // A file that the server would refuse is refused here, in words and before it is sent.
  const LARGEST = 10 * 2 ** 20;
  const look = event => {
    const files = event.dataTransfer?.files || event.target.files;
    if (!event.target.closest("#upload") || !files?.length) return;
    const large = [...files].find(file => file.size > LARGEST);
    document.querySelector("#refused").textContent = !large ? "" :
      `${large.name} has ${(large.size / 2 ** 20).toFixed(1)} MB; a photo may have 10 MB here`;
    if (!large) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    if (event.target.files) event.target.value = "";
  };
  for (const kind of ["change", "drop"]) document.addEventListener(kind, look, true);
  document.addEventListener("click", async event => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const words = button.textContent;
    try { await navigator.clipboard.writeText(button.dataset.copy); button.textContent = "Copied"; }
    catch { getSelection().selectAllChildren(button.parentNode.querySelector("code")); button.textContent = "Press Ctrl-C"; }
    setTimeout(() => { button.textContent = words; }, 1500);
  });
})();
</script>
