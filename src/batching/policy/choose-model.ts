/** A model that could start a batch now. */
export interface ModelTurn {
  /** Device time it may use before others have had their turn, in milliseconds. */
  readonly deficitMs: number;
  /** Estimated device time of its next batch. */
  readonly costMs: number;
}

/** Device time each contending model is given per round. Its size only sets how finely deficits are counted. */
export const quantumMs = 1;

export interface ModelChoice {
  readonly index: number;
  /** What every contender's deficit grows by before the chosen one pays for its batch. */
  readonly grantMs: number;
}

/**
 * Deficit round robin without the rounds: the model that needs the fewest more quanta to afford its next batch, the
 * first from `start` among equals. Every contender gets those quanta, so that over time each gets the same device time,
 * however large its batches are, and none waits for more than one batch of each other.
 */
export function chooseModel(turns: readonly ModelTurn[], start: number): ModelChoice {
  let index = 0;
  let fewest = Infinity;
  for (let step = 0; step < turns.length; step++) {
    const at = (start + step) % turns.length;
    const turn = turns[at];
    if (turn === undefined) continue;
    const rounds = Math.max(0, Math.ceil((turn.costMs - turn.deficitMs) / quantumMs));
    if (rounds < fewest) {
      fewest = rounds;
      index = at;
    }
  }
  return { index, grantMs: fewest === Infinity ? 0 : fewest * quantumMs };
}
