// Which test samples a visitor begins from, and their codes in one array.

/** Rows one after the other. */
export function joined(rows: Float32Array[]): Float32Array {
  const size = rows[0]!.length;
  const result = new Float32Array(rows.length * size);
  rows.forEach((row, i) => result.set(row, i * size));
  return result;
}

/** Places of a few samples, as many of each class. */
export function someOfEach(labels: number[], count: number): number[] {
  const classes = [...new Set(labels)].sort((a, b) => a - b);
  const each = Math.max(1, Math.floor(count / classes.length));
  return classes.slice(0, count).flatMap((label) => {
    const places = labels.flatMap((other, i) => (other === label ? [i] : []));
    // Spread over all samples: those next to each other may be frames of one film.
    const step = Math.max(1, Math.floor(places.length / each));
    return Array.from({ length: Math.min(each, places.length) }, (_, i) => places[i * step]!);
  });
}
