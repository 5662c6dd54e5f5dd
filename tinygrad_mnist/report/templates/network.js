// The trained network, computed in the page. Values are rows of float64, weights float32 as trained.

const Network = (() => {
  function decoded(base64) {
    const text = atob(base64.trim());
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const view = new DataView(bytes.buffer);
    const weights = new Float32Array(bytes.length / 4);
    for (let i = 0; i < weights.length; i++) weights[i] = view.getFloat32(4 * i, true);
    return weights;
  }

  // y = W x + b, where row o of W begins at layer.weight + o * inputs.
  function linear(x, layer, w) {
    const { inputs, outputs, weight, bias } = layer;
    const y = new Float64Array(outputs);
    for (let o = 0; o < outputs; o++) {
      let sum = 0;
      const row = weight + o * inputs;
      for (let i = 0; i < inputs; i++) sum += w[row + i] * x[i];
      y[o] = sum + w[bias + o];
    }
    return y;
  }

  // Images of one channel after the other, square; kernels (outputs, inputs, k, k), no padding.
  function conv(x, layer, w) {
    const { inputs, outputs, side: k, weight, bias } = layer;
    const n = Math.round(Math.sqrt(x.length / inputs));
    const m = n - k + 1;
    const y = new Float64Array(outputs * m * m);
    for (let o = 0; o < outputs; o++) {
      const out = y.subarray(o * m * m, (o + 1) * m * m).fill(w[bias + o]);
      for (let c = 0; c < inputs; c++)
        for (let u = 0; u < k; u++)
          for (let v = 0; v < k; v++) {
            const f = w[weight + ((o * inputs + c) * k + u) * k + v];
            for (let i = 0; i < m; i++) {
              const from = (c * n + i + u) * n + v;
              for (let j = 0; j < m; j++) out[i * m + j] += f * x[from + j];
            }
          }
    }
    return { values: y, channels: outputs };
  }

  // The largest of each square of 2 x 2; an odd last row or column is left out.
  function pool(x, channels) {
    const n = Math.round(Math.sqrt(x.length / channels));
    const m = Math.floor(n / 2);
    const y = new Float64Array(channels * m * m);
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < m; j++) {
          const at = (c * n + 2 * i) * n + 2 * j;
          y[(c * m + i) * m + j] = Math.max(x[at], x[at + 1], x[at + n], x[at + n + 1]);
        }
    return y;
  }

  const sigmoid = (v) => 1 / (1 + Math.exp(-v));
  const activations = { relu: (v) => Math.max(v, 0), sigmoid, tanh: Math.tanh };

  function softmax(x) {
    const largest = Math.max(...x);
    const powers = Array.from(x, (v) => Math.exp(v - largest));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((p) => p / sum);
  }

  return class {
    constructor(about, base64) {
      this.about = about;
      this.weights = decoded(base64);
      if (this.weights.length !== about.numbers) throw new Error("the weights are incomplete");
    }

    // 784 pixels of 0 to 255: the outputs before softmax or sigmoid.
    outputs(pixels) {
      const { mean, std, layers } = this.about;
      const scaled = (p) => Math.fround(Math.fround(Math.fround(p / 255) - mean) / std);
      let x = Float64Array.from(pixels, scaled);
      let channels = 1;
      for (const layer of layers) {
        if (layer.kind === "linear") x = linear(x, layer, this.weights);
        else if (layer.kind === "conv") ({ values: x, channels } = conv(x, layer, this.weights));
        else if (layer.kind === "pool") x = pool(x, channels);
        else x = x.map(activations[layer.kind]);
      }
      return x;
    }

    // A probability for each class.
    probabilities(pixels) {
      const outputs = this.outputs(pixels);
      if (outputs.length > 1) return softmax(outputs);
      return [sigmoid(-outputs[0]), sigmoid(outputs[0])];
    }
  };
})();
