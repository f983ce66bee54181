/** The place of the first of rising numbers that is not below `value`, of those from `first` up to `end`; `end` where all are below. */
export function placeIn(rising: ArrayLike<number>, value: number, first = 0, end = rising.length): number {
  let low = first
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    if (rising[middle] < value) low = middle + 1
    else high = middle
  }
  return low
}
