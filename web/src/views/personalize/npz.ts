// A NumPy .npz file: a zip archive of .npy files, not compressed.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** A vector as an .npy file, version 1.0. */
function npy(values: Float32Array): Uint8Array {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${values.length},), }`;
  // The header ends in a line feed, and the data begin at a multiple of 64 bytes.
  const length = Math.ceil((10 + header.length + 1) / 64) * 64;
  const file = new Uint8Array(length + values.byteLength);
  file.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0]);
  new DataView(file.buffer).setUint16(8, length - 10, true);
  file.set(new TextEncoder().encode(header.padEnd(length - 11) + "\n"), 10);
  file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), length);
  return file;
}

/** The file that `LiteModel.restore_weights` reads. */
export function npz(arrays: Record<string, Float32Array>): Blob {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const [key, values] of Object.entries(arrays)) {
    const name = new TextEncoder().encode(`${key}.npy`);
    const content = npy(values);
    const fields = (signature: number, start: number, size: number): Uint8Array => {
      const view = new DataView(new ArrayBuffer(size));
      view.setUint32(0, signature, true);
      view.setUint16(start, 20, true); // version of the format
      view.setUint16(start + 8, 0x21, true); // 1 January 1980
      view.setUint32(start + 10, crc32(content), true);
      view.setUint32(start + 14, content.length, true);
      view.setUint32(start + 18, content.length, true);
      view.setUint16(start + 22, name.length, true);
      return new Uint8Array(view.buffer);
    };
    const local = fields(0x04034b50, 4, 30);
    parts.push(local, name, content);
    // The same fields, after the version that made the file.
    const central = fields(0x02014b50, 6, 46);
    central[4] = 20;
    new DataView(central.buffer).setUint32(42, offset, true);
    directory.push(central, name);
    offset += local.length + name.length + content.length;
  }
  const count = Object.keys(arrays).length;
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, count, true);
  end.setUint16(10, count, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, ...directory, new Uint8Array(end.buffer)] as BlobPart[]);
}
