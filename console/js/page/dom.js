/** An element with attributes and contents. */
export function element(name, attributes = {}, contents = []) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes))
        made.setAttribute(key, value);
    made.append(...contents);
    return made;
}
/** An element of SVG. */
export function svgElement(name, attributes = {}) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes))
        made.setAttribute(key, String(value));
    return made;
}
/** Changes a text only where it differs, so that selections last and nothing is laid out for nothing. */
export function setText(node, text) {
    if (node.textContent !== text)
        node.textContent = text;
}
