// No I/O. No clock.

/** How a certificate comes onto each system, for people who hold the file that was just written. */
export function installHelp(p12: string, mobileConfig: string | undefined): string[] {
  const apple =
    mobileConfig === undefined
      ? `open ${p12}, then Settings > General > VPN & Device Management > install it`
      : `open ${mobileConfig}, then Settings > General > VPN & Device Management > install it`;
  return [
    "How to install it; each system asks for the password:",
    `  Android     copy ${p12} to it, then Settings > Security > Encryption & credentials >`,
    "              Install a certificate > VPN & app user certificate",
    `  iPhone      ${apple}`,
    `  macOS       open ${mobileConfig ?? p12}: it goes into the login keychain; if it is refused, take the -modern file`,
    `  Windows     open ${p12}: current user, store chosen by the wizard`,
    "  Firefox     Settings > Privacy & Security > View Certificates > Your Certificates > Import:",
    "              it has a store of its own",
    "  Bitwarden   Android: the system's certificate or the file, on the self-hosted screen under",
    "              Client certificate; iPhone: the file, in the same place; desktop and browser",
    "              extensions: the system's or the browser's own store",
  ];
}
