// No I/O. No clock.
//
// The few ASN.1 values that a PKCS#12 file is made of, in DER (ITU-T X.690), over node-forge's encoder.
import forge from "node-forge";

const { asn1 } = forge;
type Asn1 = forge.asn1.Asn1;
const { UNIVERSAL, CONTEXT_SPECIFIC } = asn1.Class;

export function sequence(...values: Asn1[]): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.SEQUENCE, true, values);
}

/** DER wants a set's values in order of their bytes. */
export function set(...values: Asn1[]): Asn1 {
  const sorted = [...values].sort((a, b) => Buffer.compare(toDer(a), toDer(b)));
  return asn1.create(UNIVERSAL, asn1.Type.SET, true, sorted);
}

/** `[number]`: explicit around a value, implicit around bytes, which then are an octet string. */
export function context(number: number, value: Asn1 | Buffer): Asn1 {
  return Buffer.isBuffer(value)
    ? asn1.create(CONTEXT_SPECIFIC, number, false, value.toString("binary"))
    : asn1.create(CONTEXT_SPECIFIC, number, true, [value]);
}

export function oid(dotted: string): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer(dotted).getBytes());
}

export function integer(value: number): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.INTEGER, false, asn1.integerToDer(value).getBytes());
}

export function octets(bytes: Buffer): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.OCTETSTRING, false, bytes.toString("binary"));
}

/** UTF-16, high byte first; node-forge makes the bytes of it. */
export function bmpString(text: string): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.BMPSTRING, false, text);
}

export function nothing(): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.NULL, false, "");
}

export function toDer(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), "binary");
}
