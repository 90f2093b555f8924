// What people compare on two screens before they let somebody or something in.

/** Six random digits, which don't depend on whom they are for: nobody can choose them. */
export function newComparisonCode(): string {
  const [number = 0] = crypto.getRandomValues(new Uint32Array(1));
  return String(number % 1_000_000).padStart(6, "0");
}
