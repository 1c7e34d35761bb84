/** Of the requests turned away for time, so many may have been let in first: later ones learn too late. */
const lostShare = 0.005;

const step = 0.01;

const bounds = { least: 1.1, most: 1.5 } as const;

/** The margin that a queue begins with: costs are averages, and a run may take this much longer. */
export const initialDoorMargin: number = bounds.least;

/**
 * The margin of the door's predictions after one more request was turned away for time: `refused` at the door, or `lost`,
 * let in and given up later. It settles where one in 200 is lost, however uneven the machine is; more than half as much
 * again would keep queues shorter than executors need.
 */
export function nextDoorMargin(margin: number, ending: 'refused' | 'lost'): number {
  const next = ending === 'lost' ? margin + step * (1 - lostShare) : margin - step * lostShare;
  return Math.min(bounds.most, Math.max(bounds.least, next));
}
