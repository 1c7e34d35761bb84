/** A decoded image: samples as they are in the file, row by row, channels interleaved. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 1: grey; 3: red, green, blue. */
  readonly channels: 1 | 3;
  /** The sample value that means white. */
  readonly maximum: number;
  readonly samples: Uint8Array | Uint16Array;
}
