{{- define "kontor.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "kontor.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "kontor.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "kontor.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "kontor.selector" -}}
app.kubernetes.io/name: {{ include "kontor.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{- define "kontor.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.image.tag }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "kontor.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end -}}
{{- end }}

{{- /* The numeric user of the Containerfile; nothing of the process is privileged. */}}
{{- define "kontor.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "kontor.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Names that the binary does not know would be ignored in silence: they are refused instead. */}}
{{- define "kontor.environment" -}}
{{- $known := .Files.Get "settings.json" | fromJson -}}
{{- $debugged := .Values.debug.enabled -}}
{{- $settings := omit .Values.settings "KONTOR_BLOB_URL" -}}
{{- if .Values.blobs.existingClaim -}}
{{- if .Values.settings.KONTOR_BLOB_URL }}{{ fail "settings.KONTOR_BLOB_URL and blobs.existingClaim: choose one" }}{{ end -}}
{{- $_ := set $settings "KONTOR_BLOB_URL" "file:///var/lib/kontor/blobs" -}}
{{- else -}}
{{- $_ := set $settings "KONTOR_BLOB_URL" (required "settings.KONTOR_BLOB_URL or blobs.existingClaim says where documents are kept" .Values.settings.KONTOR_BLOB_URL) -}}
{{- end -}}
{{- $_ := set $settings "KONTOR_ENV" "production" -}}
{{- $_ := set $settings "KONTOR_ADDR" ":8080" -}}
{{- if $debugged }}{{ $_ := set $settings "KONTOR_DEBUG_ADDR" ":9090" }}{{ end -}}
{{- if .Values.operations.configMap -}}
{{- $_ := set $settings "KONTOR_OPERATIONS" (printf "/etc/kontor/%s" .Values.operations.key) -}}
{{- $_ := set $settings "KONTOR_OPERATIONS_ONLY" .Values.operations.only -}}
{{- end -}}
{{- range $name, $value := $settings }}
{{- if has $name $known.secret }}{{ fail (printf "settings.%s has passwords or keys inside: name its Secret under secrets" $name) }}{{ end }}
{{- if not (has $name $known.plain) }}{{ fail (printf "settings.%s is no setting of Kontor: docs/configuration.md has them all" $name) }}{{ end }}
- name: {{ $name }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- range $name, $reference := .Values.secrets }}
{{- if not (has $name $known.secret) }}{{ fail (printf "secrets.%s is no secret setting of Kontor: docs/configuration.md has them all" $name) }}{{ end }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $reference.name }}
      key: {{ $reference.key }}
{{- end }}
{{- range $name, $value := .Values.environment }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
- name: GOMEMLIMIT
  value: {{ .Values.goMemoryLimit | quote }}
{{- end }}
