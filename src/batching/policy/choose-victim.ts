/** What one principal has waiting at a full queue. */
export interface Share {
  readonly queuedRows: number;
  readonly weight: number;
}

/**
 * Who must give way when a queue is full: the principal that has most waiting for its weight, unless the newcomer would
 * then be the one that has more.
 *
 * @param newcomer The newcomer's own share, its new rows included.
 * @returns -1 when nobody has to.
 */
export function chooseVictim(shares: readonly Share[], newcomer: Share): number {
  let victim = -1;
  let most = newcomer.queuedRows / newcomer.weight;
  for (let i = 0; i < shares.length; i++) {
    const share = shares[i];
    if (share === undefined) continue;
    const used = share.queuedRows / share.weight;
    if (used > most) {
      most = used;
      victim = i;
    }
  }
  return victim;
}
