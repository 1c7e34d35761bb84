const namePattern = /[a-zA-Z_:][\w:]*/y;
const labelPattern = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?/y;
const valuePattern = /\}? (\S+)/y;
/** Calls `take` for each sample of Prometheus' text. Lines that are none are passed over: a later server may have more. */
export function readMetrics(text, take) {
    for (const line of text.split('\n')) {
        const name = match(namePattern, line, 0)?.[0];
        if (name === undefined)
            continue;
        const labels = {};
        let at = name.length;
        if (line[at] === '{') {
            at += 1;
            for (let label = match(labelPattern, line, at); label !== null; label = match(labelPattern, line, at)) {
                const [, key = '', value = ''] = label;
                labels[key] = value.includes('\\') ? value.replaceAll(/\\(.)/g, unescaped) : value;
                at = labelPattern.lastIndex;
            }
        }
        const value = match(valuePattern, line, at)?.[1];
        if (value !== undefined)
            take(name, { labels, value: numberOf(value) });
    }
}
function match(pattern, line, at) {
    pattern.lastIndex = at;
    return pattern.exec(line);
}
function unescaped(_match, character) {
    return character === 'n' ? '\n' : character;
}
function numberOf(text) {
    if (text === '+Inf')
        return Infinity;
    return text === '-Inf' ? -Infinity : Number(text);
}
