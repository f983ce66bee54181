/** Distances between places. */
const radians = Math.PI / 180

/** Kilometres on a sphere of the Earth's mean radius (haversine). */
export function distance(lat1: number, lon1: number, lat2: number, lon2: number): number {
  const a = Math.sin(((lat2 - lat1) * radians) / 2)
  const b = Math.sin(((lon2 - lon1) * radians) / 2)
  return 12_742 * Math.asin(Math.sqrt(Math.min(1, a * a + Math.cos(lat1 * radians) * Math.cos(lat2 * radians) * b * b)))
}
