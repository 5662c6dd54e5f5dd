// From what was drawn to an image as MNIST has them. The same steps, in the same integers, as
// `as_mnist` of the command `predict`, and as Pillow's resize and rank filters, which it calls;
// only which of both directions is resized first, and rounded, is Pillow's choice: a shade of 255.

const Prepare = (() => {
  const SIDE = 28, BOX = 20, FINE = 8;
  const THIN = 1.5, THICK = 2.3, USUAL = 1.85; // widths of MNIST's strokes, in pixels of 28 x 28

  const image = (width, height) => ({ width, height, data: new Uint8Array(width * height) });

  // As Python rounds: halves to the even neighbour.
  function rounded(v) {
    const low = Math.floor(v), rest = v - low;
    if (rest !== 0.5) return Math.round(v);
    return low % 2 === 0 ? low : low + 1;
  }

  function box(picture) {
    let left = picture.width, top = picture.height, right = 0, bottom = 0;
    for (let y = 0; y < picture.height; y++)
      for (let x = 0; x < picture.width; x++)
        if (picture.data[y * picture.width + x]) {
          left = Math.min(left, x);
          right = Math.max(right, x + 1);
          top = Math.min(top, y);
          bottom = Math.max(bottom, y + 1);
        }
    return right ? { left, top, right, bottom } : null;
  }

  function cropped(picture, { left, top, right, bottom }) {
    const out = image(right - left, bottom - top);
    for (let y = top; y < bottom; y++) {
      const from = y * picture.width;
      out.data.set(picture.data.subarray(from + left, from + right), (y - top) * out.width);
    }
    return out;
  }

  function padded(picture, margin) {
    const out = image(picture.width + 2 * margin, picture.height + 2 * margin);
    for (let y = 0; y < picture.height; y++) {
      const row = picture.data.subarray(y * picture.width, (y + 1) * picture.width);
      out.data.set(row, (y + margin) * out.width + margin);
    }
    return out;
  }

  // Weights of a triangle as wide as a pixel of the smaller of both scales, in 22 bits.
  function coefficients(from, to) {
    const scale = from / to, wide = Math.max(scale, 1);
    return Array.from({ length: to }, (_, place) => {
      const centre = (place + 0.5) * scale;
      const first = Math.max(0, Math.floor(centre - wide + 0.5));
      const end = Math.min(from, Math.floor(centre + wide + 0.5));
      const weights = [];
      for (let x = first; x < end; x++)
        weights.push(Math.max(0, 1 - Math.abs((x - centre + 0.5) * (1 / wide))));
      const sum = weights.reduce((a, b) => a + b, 0);
      return { first, weights: weights.map((w) => Math.floor(0.5 + (w / sum) * 2 ** 22)) };
    });
  }

  const clipped = (sum) => Math.max(0, Math.min(255, Math.floor((sum + 2 ** 21) / 2 ** 22)));

  function resized(picture, width, height) {
    let { data } = picture;
    if (width !== picture.width) {
      const columns = coefficients(picture.width, width);
      const out = new Uint8Array(width * picture.height);
      for (let y = 0; y < picture.height; y++)
        for (let x = 0; x < width; x++) {
          const { first, weights } = columns[x];
          const at = y * picture.width + first;
          out[y * width + x] = clipped(weights.reduce((sum, w, i) => sum + w * data[at + i], 0));
        }
      data = out;
    }
    if (height !== picture.height) {
      const rows = coefficients(picture.height, height);
      const out = new Uint8Array(width * height);
      for (let y = 0; y < height; y++) {
        const { first, weights } = rows[y];
        for (let x = 0; x < width; x++)
          out[y * width + x] = clipped(
            weights.reduce((sum, w, i) => sum + w * data[(first + i) * width + x], 0));
      }
      data = out;
    }
    return { width, height, data };
  }

  function fitted(picture, longer) {
    const scale = longer / Math.max(picture.width, picture.height);
    const size = (n) => Math.max(1, rounded(n * scale));
    return resized(picture, size(picture.width), size(picture.height));
  }

  // The largest, or the smallest, of each pixel and its eight neighbours.
  function ranked(picture, choose) {
    const { width, height } = picture;
    const across = image(width, height), out = image(width, height);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const at = y * width + x;
        const before = x ? picture.data[at - 1] : picture.data[at];
        const after = x < width - 1 ? picture.data[at + 1] : picture.data[at];
        across.data[at] = choose(before, picture.data[at], after);
      }
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const at = y * width + x;
        const above = y ? across.data[at - width] : across.data[at];
        const below = y < height - 1 ? across.data[at + width] : across.data[at];
        out.data[at] = choose(above, across.data[at], below);
      }
    return out;
  }

  const ink = (picture) => picture.data.reduce((sum, v) => sum + (v ? 1 : 0), 0);

  // Strokes thinner or thicker than MNIST's are brought to its usual width.
  function withUsualStrokes(picture) {
    let large = padded(picture, 2 * FINE);
    large.data = large.data.map((v) => (v > 127 ? 255 : 0));
    const area = ink(large), inner = ink(ranked(large, Math.min));
    const width = (2 * area) / Math.max(area - inner, 1) / FINE;
    if (width >= THIN && width <= THICK) return large;
    const change = rounded(((USUAL - width) * FINE) / 2);
    for (let i = 0; i < Math.abs(change); i++)
      large = ranked(large, change > 0 ? Math.max : Math.min);
    return large;
  }

  // The digit of a mask (width, height, data of 0 and others) as 784 pixels; null for an empty one.
  function asMnist(mask) {
    const around = box(mask);
    if (!around) return null;
    const digit = cropped(mask, around);
    digit.data = digit.data.map((v) => (v ? 255 : 0));
    const large = withUsualStrokes(fitted(digit, BOX * FINE));
    const small = fitted(cropped(large, box(large)), BOX);
    let sum = 0, across = 0, down = 0;
    small.data.forEach((v, at) => {
      sum += v;
      across += v * (at % small.width);
      down += v * Math.floor(at / small.width);
    });
    const place = (centre, n) => Math.max(0, Math.min(SIDE - n, rounded(SIDE / 2 - centre)));
    const left = place(across / sum, small.width), top = place(down / sum, small.height);
    const pixels = new Uint8Array(SIDE * SIDE);
    for (let y = 0; y < small.height; y++) {
      const row = small.data.subarray(y * small.width, (y + 1) * small.width);
      pixels.set(row, (top + y) * SIDE + left);
    }
    return pixels;
  }

  return { asMnist };
})();
