// Apple's configuration profile around a device's certificate.

export interface MobileConfig {
  /** `alice pixel-9` */
  name: string;
  /** Of the certificate: two profiles with one identifier would replace each other. */
  fingerprint: string;
  /** In the legacy form: what every Apple system imports. */
  pkcs12: Buffer;
  pkcs12FileName: string;
  /** Two fresh UUIDs: of the profile and of the certificate in it. */
  uuids: readonly [string, string];
}

/**
 * A configuration profile that installs a certificate with its key on iOS, iPadOS and macOS. The password is
 * not in it: the system asks for it.
 * (developer.apple.com/documentation/devicemanagement/certificatepkcs12)
 */
export function toMobileConfig({ name, fingerprint, pkcs12, pkcs12FileName, uuids }: MobileConfig): string {
  const identifier = `latchkey.${fingerprint}`;
  const content = pkcs12.toString("base64").match(/.{1,64}/g) ?? [];
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>PayloadType</key>
	<string>Configuration</string>
	<key>PayloadVersion</key>
	<integer>1</integer>
	<key>PayloadIdentifier</key>
	<string>${identifier}</string>
	<key>PayloadUUID</key>
	<string>${uuids[0]}</string>
	<key>PayloadDisplayName</key>
	<string>${escapeXml(`Latchkey: ${name}`)}</string>
	<key>PayloadDescription</key>
	<string>The certificate that lets this device in.</string>
	<key>PayloadContent</key>
	<array>
		<dict>
			<key>PayloadType</key>
			<string>com.apple.security.pkcs12</string>
			<key>PayloadVersion</key>
			<integer>1</integer>
			<key>PayloadIdentifier</key>
			<string>${identifier}.certificate</string>
			<key>PayloadUUID</key>
			<string>${uuids[1]}</string>
			<key>PayloadDisplayName</key>
			<string>${escapeXml(name)}</string>
			<key>PayloadCertificateFileName</key>
			<string>${escapeXml(pkcs12FileName)}</string>
			<key>PayloadContent</key>
			<data>
${content.map((line) => `\t\t\t${line}`).join("\n")}
			</data>
		</dict>
	</array>
</dict>
</plist>
`;
}

function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, (character) => `&#${character.charCodeAt(0)};`);
}
