const states = {
    '': { state: 'not loaded', condition: 'off' },
    READY: { state: 'ready', condition: 'good' },
    LOADING: { state: 'loading', condition: 'busy' },
    UNLOADING: { state: 'unloading', condition: 'busy' },
    UNAVAILABLE: { state: 'unavailable', condition: 'bad' },
};
/** What serves with its numbers, then what the index has besides. */
export function modelRows(view, index) {
    const rows = view.versions.map((version) => {
        const line = index.find(({ name, version: own }) => name === version.model && own === version.version);
        return {
            model: version.model,
            version: version.version,
            ...serving(version, line),
            reason: '',
            view: version,
        };
    });
    const serves = new Set(rows.map(({ model, version }) => `${version}/${model}`));
    const others = index
        .filter(({ name, version }) => !serves.has(`${version}/${name}`))
        // What was unloaded stays in the index, with its versions.
        .map(({ name, version, state, reason }) => ({
        model: name,
        version,
        ...(reason === 'unloaded' ? stateOf('') : stateOf(state)),
        reason: reason === 'unloaded' ? '' : reason,
        view: undefined,
    }));
    return [...rows, ...others];
}
function serving(version, line) {
    if (version.breaker === 'open')
        return { state: 'breaker open', condition: 'bad' };
    if (version.breaker === 'half_open')
        return { state: 'half-open', condition: 'busy' };
    return stateOf(line === undefined ? 'READY' : line.state);
}
function stateOf(state) {
    return states[state] ?? { state: state.toLowerCase(), condition: 'off' };
}
