#!/usr/bin/env bash
# Total bytes of a folder of logs by GoAccess: a log analyser, which keeps no slots and writes no
# Parquet. Only the panels of days and of virtual hosts are kept.
#
#   goaccess_run.sh FORMAT LOG_DIR OUT_DIR
#
# GoAccess reads no gzip, so packed logs are piped through gzip.
set -euo pipefail

format=$1 logs=$2 out=$3
mkdir -p "$out"

compact=(--datetime-format=%Y%m%d%H%M%S)
case $format in
    tencent-cdn) how=(--log-format='%x %h %v %U %b %^ %^ %s %^' "${compact[@]}") ;;
    tencent-live) how=(--log-format='%x %h %v %U %b %^ %^ %^ %s %^' "${compact[@]}") ;;
    cloudfront) how=(--log-format=CLOUDFRONT) ;;
    cloudflare)
        how=(--date-format=%Y-%m-%d --time-format=%H:%M:%S --log-format='{"ClientIP":"%h","ClientRequestHost":"%v","ClientRequestMethod":"%m","ClientRequestURI":"%U","EdgeResponseBytes":"%b","EdgeResponseStatus":"%s","EdgeStartTimestamp":"%dT%tZ"}')
        ;;
    nginx) how=(--log-format=VCOMBINED) ;;
    *) echo "goaccess_run.sh: unknown format $format" >&2; exit 2 ;;
esac
for panel in REQUESTS REQUESTS_STATIC NOT_FOUND HOSTS OS BROWSERS VISIT_TIMES REFERRERS \
    REFERRING_SITES KEYPHRASES STATUS_CODES REMOTE_USER CACHE_STATUS GEO_LOCATION MIME_TYPE TLS_TYPE; do
    how+=(--ignore-panel="$panel")
done
how+=(--no-global-config --no-progress --no-ip-validation -o "$out/report.json")

if compgen -G "$logs/*.gz" >/dev/null; then
    gzip -dc "$logs"/*.gz | goaccess - "${how[@]}" >/dev/null
else
    goaccess "$logs"/* "${how[@]}" >/dev/null
fi
number() { grep -m1 -o "\"$1\": [0-9]*" "$out/report.json" | grep -o '[0-9]*$'; }
echo "{\"lines\":$(number valid_requests),\"bytes\":$(number bandwidth)}"
