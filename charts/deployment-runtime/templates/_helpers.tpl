{{- /* image names the image of the servers: by digest, if there is one. */}}
{{- define "deployment-runtime.image" -}}
{{- with .Values.image -}}
{{ required "image.repository: say where you pushed the image, such as registry.example.com/deployment-runtime" .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* memory is what the Go runtime may take of a limit in Gi or Mi: nine tenths, for what it cannot count. */}}
{{- define "deployment-runtime.memory" -}}
{{- if hasSuffix "Gi" . -}}
{{ mulf (trimSuffix "Gi" . | float64) 900 | int }}MiB
{{- else -}}
{{ mulf (trimSuffix "Mi" . | float64) 0.9 | int }}MiB
{{- end -}}
{{- end }}

{{- /* pod is what the pods of both servers have in common. */}}
{{- define "deployment-runtime.pod" -}}
{{- with .root.Values.imagePullSecrets -}}
imagePullSecrets:
{{ toYaml . }}
{{ end -}}
securityContext:
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      app.kubernetes.io/name: {{ .name }}
{{- with concat .values.extraVolumes (.volumes | default list) }}
volumes:
{{- toYaml . | nindent 0 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
{{- toYaml . | nindent 0 }}
{{- end }}
{{- with .values.affinity }}
affinity:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* container is what the containers of both servers have in common. */}}
{{- define "deployment-runtime.container" -}}
image: {{ include "deployment-runtime.image" .root }}
{{- with .root.Values.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- with concat .values.extraVolumeMounts (.mounts | default list) }}
volumeMounts:
{{- toYaml . | nindent 0 }}
{{- end }}
resources:
{{- toYaml .values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}
