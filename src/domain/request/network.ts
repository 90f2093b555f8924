/**
 * What counts as one sender where requests are counted by their address: an IPv4 address, or the first 64 bits of an IPv6
 * one, which a provider gives to each household (RFC 6177).
 */
export function networkOf(ip: string | null): string {
  if (ip === null || !ip.includes(":")) return ip ?? "";
  const [head = "", tail = ""] = ip.split("::");
  const [front, back] = [hextets(head), hextets(tail)];
  const zeros = ip.includes("::") ? Math.max(0, 8 - front.length - back.length) : 0;
  return [...front, ...Array<string>(zeros).fill("0"), ...back].slice(0, 4).join(":");
}

function hextets(text: string): string[] {
  return text === "" ? [] : text.split(":");
}
