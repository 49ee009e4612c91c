// Every text in sight that is cut, shortened, off the screen, too small, or on another text.
() => {
  const faults = [];
  const texts = [];
  const name = (node) => {
    const tile = node.closest("[data-tile]");
    return `${tile?.getAttribute("data-tile") ?? ""} .${node.getAttribute("class") ?? node.id} "${node.textContent.slice(0, 60)}"`;
  };
  const shown = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && node.closest(".js-plotly-plot, .visually-hidden") === null;
  const walker = document.createTreeWalker(document.querySelector(".wall"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const node = text.parentElement;
    // The text of a numeral is drawn by the style sheet.
    if (text.data.trim() === "" || !shown(node) || node.matches(".numeral")) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    const svg = node.ownerSVGElement;
    const rects = [...range.getClientRects()].filter((rect) => rect.width > 0 && rect.height > 0);
    const ticker = node.closest(".ticker")?.getBoundingClientRect();
    // Those that do not fit stand in a line of their own, out of sight.
    if (ticker && rects.every((rect) => (rect.top + rect.bottom) / 2 > ticker.bottom)) continue;
    if (rects.length === 0) { if (!svg) faults.push(`no room: ${name(node)}`); continue; }
    // The glyphs themselves, without the air that a font keeps above and below.
    const boxes = rects.map((rect) => ({ left: rect.left + 1, right: rect.right - 1, top: rect.top + rect.height * .22, bottom: rect.bottom - rect.height * .2 }));
    // A headline at the foot may end in an ellipsis: it stands whole among the events.
    if (node.matches(".tick-text")) continue;
    for (let box = node; box !== null && box !== document.body; box = box.parentElement) {
      const style = getComputedStyle(box);
      const clips = [style.overflowX, style.overflowY].some((how) => how !== "visible") && style.display !== "inline";
      if (!clips || box.ownerSVGElement) continue;
      if (box === node && (box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 4 && style.webkitLineClamp !== "none")) { faults.push(`cut: ${name(node)}`); break; }
      const around = box.getBoundingClientRect();
      if (boxes.some((rect) => rect.right > around.right + 1 || rect.left < around.left - 1 || rect.bottom > around.bottom + 1 || rect.top < around.top - 1)) { faults.push(`clipped by .${box.className}: ${name(node)}`); break; }
    }
    if (boxes.some((rect) => rect.right > innerWidth || rect.bottom > innerHeight || rect.left < 0 || rect.top < 0)) faults.push(`off the screen: ${name(node)}`);
    if (/…$|^\.\.\.$/.test(text.data) && !node.closest(".label-incident")) faults.push(`shortened: ${name(node)}`);
    texts.push({ node, boxes });
  }
  texts.forEach((one, index) => {
    for (const other of texts.slice(index + 1)) {
      if (one.node === other.node) continue;
      // A numeral stands on the symbol of its incident; a name keeps off both.
      if (one.boxes.some((a) => other.boxes.some((b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2)))
        faults.push(`on each other: ${name(one.node)} and ${name(other.node)}`);
    }
  });
  const least = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--least"));
  for (const { node } of texts) if (!node.ownerSVGElement && parseFloat(getComputedStyle(node).fontSize) < least - .5) faults.push(`too small: ${name(node)}`);
  return [...new Set(faults)];
}
