// Outside of this repository: from 'tensorgate'. Only types: nothing of it is there when the module runs.
import type { Postprocess, Preprocess, TensorDeclaration } from '../../../src/index.ts';

const species = ['setosa', 'versicolor', 'virginica'];

/** What clients send instead of the model's four numbers. */
export const inputs: readonly TensorDeclaration[] = [{ name: 'flower', datatype: 'BYTES', dims: [1] }];

export const outputs: readonly TensorDeclaration[] = [
  { name: 'species', datatype: 'BYTES', dims: [1] },
  { name: 'confidence', datatype: 'FP32', dims: [1] },
];

/** A text such as `sepal 5.1 x 3.5, petal 1.4 x 0.2` for each row. */
export const preprocess: Preprocess = ({ flower }, request) => {
  const texts = (flower?.data ?? []) as readonly Buffer[];
  const features = new Float32Array(texts.length * 4);
  for (const [row, text] of texts.entries()) {
    const sizes = text.toString().match(/\d+(?:\.\d+)?/g) ?? [];
    if (sizes.length !== 4)
      request.refuse(`row ${row}: expected four sizes in centimetres, found ${sizes.length}`);
    features.set(sizes.map(Number), row * 4);
  }
  return { features: { shape: [texts.length, 4], data: features } };
};

export const postprocess: Postprocess = ({ probability }) => {
  const scores = (probability?.data ?? []) as Float32Array;
  const rows = Array.from({ length: scores.length / 3 }, (_, row) => scores.subarray(row * 3, row * 3 + 3));
  const best = rows.map((row) => row.indexOf(Math.max(...row)));
  return {
    species: { shape: [rows.length, 1], data: best.map((index) => species[index] ?? '') },
    confidence: {
      shape: [rows.length, 1],
      data: Float32Array.from(rows, (row, at) => row[best[at] ?? 0] ?? 0),
    },
  };
};
