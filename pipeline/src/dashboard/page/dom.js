// Elements made and changed by hand. What comes from jobs gets in as text alone: there is no other way here.

/** An element with properties, listeners (`onclick`), `data`, and children: nodes and texts. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'data') Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  fill(node, children);
  return node;
}

/** The same in SVG. */
export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** Puts nodes and texts in place of what an element holds. */
export function fill(node, children) {
  node.replaceChildren(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
}

/** Writes a text where it is another: who reads along is told of changes alone. */
export function write(node, text) {
  const told = String(text ?? '');
  if (node.textContent !== told) node.textContent = told;
}

/** Sets an attribute where it is another; null takes it away. */
export function mark(node, name, value) {
  if (value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

export const find = (id) => document.getElementById(id);

const rows = new WeakMap();

/**
 * Children of `parent`, one for each item, in order. `make` gives `{ node, update }`; a child stays the
 * same element for as long as its key is there, so focus stays where it is.
 */
export function keyed(parent, items, key, make) {
  const before = rows.get(parent) ?? new Map();
  const now = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const row = before.get(name) ?? make(item);
    before.delete(name);
    now.set(name, row);
    row.update(item);
    if (row.node === place) place = place.nextElementSibling;
    else parent.insertBefore(row.node, place);
  }
  for (const row of before.values()) row.node.remove();
  rows.set(parent, now);
}

/** Forgets the children of `parent`: they are made anew, in another language. */
export function forget(parent) {
  rows.delete(parent);
  parent.replaceChildren();
}

/** Tells those who listen to the page. */
export function announce(text) {
  write(find('live'), text);
}
