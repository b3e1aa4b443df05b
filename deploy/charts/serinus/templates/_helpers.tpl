{{- define "serinus.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Short enough for what is added to it. */ -}}
{{- define "serinus.fullname" -}}
{{- $name := include "serinus.name" . -}}
{{- $default := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{ .Values.fullnameOverride | default $default | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "serinus.serviceAccountName" -}}
{{- $default := .Values.serviceAccount.create | ternary (include "serinus.fullname" .) "default" -}}
{{ .Values.serviceAccount.name | default $default }}
{{- end }}

{{- define "serinus.temporalName" -}}
{{ include "serinus.fullname" . }}-temporal
{{- end }}

{{- /* Of the workers; those of Temporal's development server have another component. */ -}}
{{- define "serinus.selectorLabels" -}}
app.kubernetes.io/name: {{ include "serinus.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: worker
{{- end }}

{{- define "serinus.temporalSelectorLabels" -}}
app.kubernetes.io/name: {{ include "serinus.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: temporal
{{- end }}

{{- define "serinus.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/name: {{ include "serinus.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* What the worker reads from its environment; what is empty is left out. */ -}}
{{- define "serinus.settings" -}}
SERINUS_NAMESPACE: {{ .Values.namespace | quote }}
SERINUS_MESH_PROVIDER: {{ .Values.meshProvider | quote }}
SERINUS_METRICS_SERVER: {{ .Values.metricsServer | quote }}
SERINUS_SELECTOR_LABELS: {{ .Values.selectorLabels | quote }}
SERINUS_INCLUDE_LABEL_PREFIX: {{ .Values.includeLabelPrefix | quote }}
SERINUS_ENABLE_CONFIG_TRACKING: {{ .Values.configTracking.enabled | quote }}
SERINUS_SYNC_SCALERS: {{ .Values.syncScalers | quote }}
SERINUS_NO_CROSS_NAMESPACE_REFS: {{ .Values.noCrossNamespaceRefs | quote }}
SERINUS_MINIMUM_INTERVAL_SECONDS: {{ .Values.minimumIntervalSeconds | quote }}
SERINUS_UNREADABLE_LIMIT: {{ .Values.unreadableLimit | int | quote }}
SERINUS_DRAIN_SECONDS: {{ .Values.drainSeconds | quote }}
SERINUS_ALLOW_METADATA_ADDRESSES: {{ .Values.allowMetadataAddresses | quote }}
SERINUS_SHUTDOWN_GRACE_SECONDS: {{ .Values.shutdownGraceSeconds | int | quote }}
SERINUS_LOG_LEVEL: {{ .Values.logLevel | quote }}
SERINUS_LOG_FORMAT: {{ .Values.logFormat | quote }}
SERINUS_SLACK_CHANNEL: {{ .Values.slack.channel | quote }}
SERINUS_SLACK_USER: {{ .Values.slack.user | quote }}
SERINUS_CLUSTER_NAME: {{ .Values.clusterName | quote }}
SERINUS_TASK_QUEUE: {{ .Values.temporal.taskQueue | quote }}
SERINUS_SEARCH_ATTRIBUTES: {{ .Values.temporal.searchAttributes | quote }}
SERINUS_MAX_CACHED_WORKFLOWS: {{ .Values.temporal.maxCachedWorkflows | int | quote }}
SERINUS_MAX_CONCURRENT_ACTIVITIES: {{ .Values.temporal.maxConcurrentActivities | int | quote }}
TEMPORAL_ADDRESS: {{ .Values.temporal.address | default (printf "%s:7233" (include "serinus.temporalName" .)) | quote }}
TEMPORAL_NAMESPACE: {{ .Values.temporal.namespace | quote }}
{{- with .Values.temporal.tls }}
TEMPORAL_TLS: {{ if .enabled }}"true"{{ end }}
TEMPORAL_TLS_CLIENT_CERT_PATH: {{ if .secretName }}/etc/serinus/temporal/tls.crt{{ end }}
TEMPORAL_TLS_CLIENT_KEY_PATH: {{ if .secretName }}/etc/serinus/temporal/tls.key{{ end }}
TEMPORAL_TLS_SERVER_CA_CERT_PATH: {{ if .caSecretName }}/etc/serinus/temporal-ca/ca.crt{{ end }}
TEMPORAL_TLS_SERVER_NAME: {{ .serverName | quote }}
{{- end }}
{{- end }}

{{- /* What of it is secret. */ -}}
{{- define "serinus.secrets" -}}
{{- $given := dict
  "SERINUS_SLACK_URL" .Values.slack.url
  "SERINUS_SLACK_TOKEN" .Values.slack.token
  "SERINUS_SLACK_PROXY_URL" .Values.slack.proxyUrl
  "SERINUS_MSTEAMS_URL" .Values.msteams.url
  "SERINUS_MSTEAMS_PROXY_URL" .Values.msteams.proxyUrl
  "SERINUS_EVENT_WEBHOOK" .Values.eventWebhook
-}}
{{- range $name, $value := $given }}
{{- if $value }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}
