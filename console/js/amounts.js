/** Numbers as people read them: few digits, and always as wide as the largest they are compared with. */
/** Per second. */
export function rateText(perSecond) {
    if (perSecond === 0)
        return '0';
    if (perSecond < 10)
        return perSecond < 0.05 ? '<0.1' : perSecond.toFixed(1);
    return perSecond < 99_999.5 ? perSecond.toFixed(0) : `${(perSecond / 1000).toFixed(0)}k`;
}
/** Milliseconds without their unit, or seconds with it; `-` for none. */
export function millisecondsText(ms) {
    if (ms === null)
        return '-';
    if (ms >= 9999.5)
        return `${(ms / 1000).toFixed(0)}s`;
    if (ms >= 99.95)
        return ms.toFixed(0);
    return ms >= 9.995 ? ms.toFixed(1) : ms.toFixed(2);
}
const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
export function bytesText(bytes) {
    let amount = bytes;
    let unit = 0;
    while (amount >= 999.5 && unit < byteUnits.length - 1) {
        amount /= 1000;
        unit += 1;
    }
    return `${unit === 0 || amount >= 99.5 ? amount.toFixed(0) : amount.toFixed(1)} ${byteUnits[unit] ?? ''}`;
}
/** A share from 0 to 1; `-` for none. */
export function percentText(share) {
    return share === null ? '-' : `${(share * 100).toFixed(0)}%`;
}
/** The two largest units: `3 d 4 h`, `12 min 5 s`. */
export function durationText(seconds) {
    const whole = Math.floor(seconds);
    const [days, hours, minutes] = [
        Math.floor(whole / 86_400),
        Math.floor(whole / 3600) % 24,
        Math.floor(whole / 60) % 60,
    ];
    if (days > 0)
        return `${days} d ${hours} h`;
    if (hours > 0)
        return `${hours} h ${minutes} min`;
    return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
/** A mean of rows; `-` for none. */
export function rowsText(rows) {
    return rows === null ? '-' : rows < 99.95 ? rows.toFixed(1) : rows.toFixed(0);
}
