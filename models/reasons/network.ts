/** A network of dense layers as plain arrays, for what is computed one transaction at a time: the gradient along a path. */
import { type Encoding, encodingIn } from '../encoding.ts'

/** A dense layer as it was loaded: `inputs` x `units`, row by row. */
export type Layer = { inputs: number; units: number; kernel: Float32Array; bias: Float32Array; activation: string }

/** `from` and `to` bound what is not zero in each row of the kernel: members of an ensemble lie side by side, with zeros between them. */
type Matrix = Omit<Layer, 'kernel'> & { kernel: Float64Array; from: Int32Array; to: Int32Array }

export type Network = {
  encoding: Encoding
  /** Whether the encoding is ramps; without, every input is taken as it is. */
  ramps: boolean
  /** Units of the encoding that look at a feature are `units[k]` with k from `starts[feature]` to `starts[feature + 1]`. */
  starts: Int32Array
  units: Int32Array
  /** The layers behind the encoding; the last has one unit, the logit. */
  layers: Matrix[]
}

const plain = (width: number): Encoding => ({
  width,
  units: width,
  source: Int32Array.from({ length: width }, (_, i) => i),
  scale: new Float32Array(width).fill(1),
  shift: new Float32Array(width),
})

/** The first layer as an encoding, if it is one. */
export const encodingOfLayer = ({ inputs, units, kernel, bias, activation }: Layer): Encoding | undefined =>
  activation === 'hardSigmoid' ? encodingIn(inputs, units, kernel, bias) : undefined

function bounded(layer: Layer): Matrix {
  const { inputs, units, kernel } = layer
  const from = new Int32Array(inputs)
  const to = new Int32Array(inputs)
  for (let i = 0; i < inputs; i++) {
    let first = 0
    let end = units
    while (first < end && kernel[i * units + first] === 0) first++
    while (end > first && kernel[i * units + end - 1] === 0) end--
    from[i] = first
    to[i] = end
  }
  // What is multiplied with float64 all the time is kept as such: each conversion costs as much as the product.
  return { ...layer, kernel: Float64Array.from(kernel), from, to }
}

/** Takes the layers in their order, an encoding first if there is one. */
export function networkOf(all: readonly Layer[]): Network {
  const found = encodingOfLayer(all[0])
  const encoding = found ?? plain(all[0].inputs)
  const starts = new Int32Array(encoding.width + 1)
  for (const feature of encoding.source) starts[feature + 1]++
  for (let f = 0; f < encoding.width; f++) starts[f + 1] += starts[f]
  const next = starts.slice()
  const units = new Int32Array(encoding.units)
  encoding.source.forEach((feature, u) => {
    units[next[feature]++] = u
  })
  return { encoding, ramps: found !== undefined, starts, units, layers: (found ? all.slice(1) : all).map(bounded) }
}
