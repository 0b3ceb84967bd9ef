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
