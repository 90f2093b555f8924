// Maps that strangers fill: they grow to a limit, and then forget the oldest entry for each new one.

/** Sets an entry of a map that holds no more than `max`. */
export function setBounded<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  if (map.size >= max && !map.has(key)) {
    const [oldest] = map.keys();
    if (oldest !== undefined) map.delete(oldest);
  }
  map.set(key, value);
}
