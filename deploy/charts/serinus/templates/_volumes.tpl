{{- define "serinus.volumeMounts" -}}
{{- with .Values.temporal.tls -}}
{{- if .secretName }}
- name: temporal-tls
  mountPath: /etc/serinus/temporal
  readOnly: true
{{- end }}
{{- if .caSecretName }}
- name: temporal-ca
  mountPath: /etc/serinus/temporal-ca
  readOnly: true
{{- end }}
{{- end }}
{{- with .Values.additionalVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "serinus.volumes" -}}
{{- with .Values.temporal.tls -}}
{{- if .secretName }}
- name: temporal-tls
  secret:
    secretName: {{ .secretName }}
{{- end }}
{{- if .caSecretName }}
- name: temporal-ca
  secret:
    secretName: {{ .caSecretName }}
{{- end }}
{{- end }}
{{- with .Values.additionalVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
