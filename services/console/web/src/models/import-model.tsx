import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { importModel } from './calls.ts'
import { addressOf } from './place.ts'
import { Question } from './question.tsx'

/** Takes a model in from a file: the tar that export gives, or that of a folder which training wrote. */
export function ImportModel({ onClose }: { onClose: () => void }) {
  const queryClient = useQueryClient()
  const [archive, setArchive] = useState<File>()
  const taking = useMutation({
    mutationFn: ({ file, reason }: { file: File; reason: string }) => importModel(file, reason),
    onSuccess: async ({ version }) => {
      await queryClient.invalidateQueries({ queryKey: ['models'] })
      window.location.hash = addressOf(version)
      onClose()
    },
  })
  return (
    <Question
      title="Import a model"
      meaning="It is tried, and becomes a candidate under your name. Somebody else than you must promote it."
      name="Import"
      busy={taking.isPending}
      error={taking.error?.message}
      onAct={(reason) => archive && taking.mutate({ file: archive, reason })}
      onClose={onClose}
    >
      <label>
        Model <span className="quiet">as a tar of model.json, weights.bin and manifest.json</span>
        <input type="file" accept=".tar" required onChange={(e) => setArchive(e.target.files?.[0])} />
      </label>
    </Question>
  )
}
