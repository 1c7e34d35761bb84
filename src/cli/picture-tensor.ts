import { usageError } from './command.ts';
import type { Picture } from './picture.ts';

/** How samples become numbers: sample / white * scale, then (x - mean) / deviation per channel. */
export interface PixelRule {
  /** undefined: samples as they stand in the file. */
  readonly scale: number | undefined;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly channelsFirst: boolean;
  readonly shape: readonly number[];
}

/**
 * The picture as one item of an input of the given dims (without a batch dimension; -1 is any size): H W, C H W, H W C
 * or flat. Scaled bilinearly where the model wants another size. @throws ServingError with reason USAGE
 */
export function pictureTensor(
  picture: Picture,
  dims: readonly number[],
  rule: PixelRule,
): { shape: readonly number[]; data: number[] } {
  const layout = chooseLayout(picture, dims);
  const { width, height, channels, channelsFirst } = layout;
  const data = Array.from({ length: width * height * channels }, () => 0);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < channels; channel++) {
        const value = applyRule(sampleAt(picture, layout, { x, y, channel }), channel, picture.maximum, rule);
        const index = channelsFirst
          ? (channel * height + y) * width + x
          : (y * width + x) * channels + channel;
        data[index] = value;
      }
    }
  }
  return { shape: layout.shape, data };
}

function chooseLayout(picture: Picture, dims: readonly number[]): Layout {
  const size = (dim: number | undefined, own: number): number => (dim === undefined || dim < 0 ? own : dim);
  const [first = -1, second = -1, third = -1] = dims;
  if (dims.length === 2) {
    const [height, width] = [size(first, picture.height), size(second, picture.width)];
    return { width, height, channels: 1, channelsFirst: true, shape: [height, width] };
  }
  if (dims.length === 3 && isChannels(first)) {
    const [height, width] = [size(second, picture.height), size(third, picture.width)];
    return { width, height, channels: first, channelsFirst: true, shape: [first, height, width] };
  }
  if (dims.length === 3 && isChannels(third)) {
    const [height, width] = [size(first, picture.height), size(second, picture.width)];
    return { width, height, channels: third, channelsFirst: false, shape: [height, width, third] };
  }
  if (dims.length === 1 && size(first, picture.width * picture.height) === picture.width * picture.height) {
    const { width, height } = picture;
    return { width, height, channels: 1, channelsFirst: true, shape: [width * height] };
  }
  throw usageError(`an image does not fit an input of shape [${dims.join(', ')}]`);
}

function isChannels(dim: number): dim is 1 | 3 {
  return dim === 1 || dim === 3;
}

interface Point {
  readonly x: number;
  readonly y: number;
  readonly channel: number;
}

/** Bilinear, pixel centres aligned; the sample itself where sizes agree. */
function sampleAt(picture: Picture, { width, height, channels }: Layout, { x, y, channel }: Point): number {
  const sourceX = clamp(((x + 0.5) * picture.width) / width - 0.5, picture.width - 1);
  const sourceY = clamp(((y + 0.5) * picture.height) / height - 0.5, picture.height - 1);
  const [left, top] = [Math.floor(sourceX), Math.floor(sourceY)];
  const [right, bottom] = [Math.min(left + 1, picture.width - 1), Math.min(top + 1, picture.height - 1)];
  const [fx, fy] = [sourceX - left, sourceY - top];
  const at = (column: number, row: number): number =>
    colour(picture, row * picture.width + column, channels, channel);
  const upper = at(left, top) * (1 - fx) + at(right, top) * fx;
  const lower = at(left, bottom) * (1 - fx) + at(right, bottom) * fx;
  return upper * (1 - fy) + lower * fy;
}

/** Grey from colours by the weights of ITU-R BT.601; colours from grey by repetition. */
function colour({ samples, channels: own }: Picture, pixel: number, wanted: 1 | 3, channel: number): number {
  if (own === 1) return samples[pixel] ?? 0;
  if (wanted === 3) return samples[pixel * 3 + channel] ?? 0;
  return (
    0.299 * (samples[pixel * 3] ?? 0) +
    0.587 * (samples[pixel * 3 + 1] ?? 0) +
    0.114 * (samples[pixel * 3 + 2] ?? 0)
  );
}

function clamp(value: number, maximum: number): number {
  return Math.min(Math.max(value, 0), maximum);
}

function applyRule(
  sample: number,
  channel: number,
  maximum: number,
  { scale, mean, deviation }: PixelRule,
): number {
  const scaled = scale === undefined ? sample : (sample / maximum) * scale;
  return (
    (scaled - (mean[channel % Math.max(1, mean.length)] ?? 0)) /
    (deviation[channel % Math.max(1, deviation.length)] ?? 1)
  );
}
