#!/usr/bin/env bash
# Everything that the platform needs in a Google Cloud project, with the least rights: datasets, a bucket,
# an account that writes, an account that reads marts and nothing else, a daily limit on what queries scan.
# It may run again at any time: what is there is left, what is missing is made. It makes no keys.
#
#   deploy/google/set-up.sh --project acme-market-data                  # only says what it would do
#   deploy/google/set-up.sh --project acme-market-data --apply
#
# Whoever runs it needs, in that project: roles/bigquery.admin, roles/storage.admin,
# roles/iam.serviceAccountAdmin, roles/resourcemanager.projectIamAdmin,
# roles/serviceusage.serviceUsageAdmin, and roles/cloudkms.admin on the key if there is one.
set -euo pipefail

usage() {
    cat <<'TEXT'
set-up.sh --project ID [options]

  --apply                do it; without this, commands are printed and nothing is changed
  --location LOCATION    of datasets and bucket, as in EU or europe-west4 (default EU); for good
  --prefix PREFIX        put before the datasets' names, as in bigquery.dataset_prefix
  --bucket NAME          for logs of runs and backups (default <project>-market-assets)
  --kms-key NAME         projects/P/locations/L/keyRings/R/cryptoKeys/K: encrypt with your own key
  --daily-tib NUMBER     most that queries of the project may scan in a day (default 2, 0: leave it)
  --reader MEMBER        who else may read marts, as in group:research@acme.org; may be repeated
  --kubernetes NS/NAME   the Kubernetes service account that acts as the writer
  --label KEY=VALUE      on datasets and bucket (default app=market-assets); may be repeated
TEXT
}

project='' location=EU prefix='' bucket='' kms_key='' daily_tib=2 kubernetes='' apply=false
readers=() labels=()

die() {
    echo "set-up.sh: $1" >&2
    echo "  -> $2" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case "$1" in
        --apply) apply=true; shift; continue ;;
        --help | -h) usage; exit 0 ;;
        --*) [ $# -ge 2 ] || die "$1 needs a value" "deploy/google/set-up.sh --help" ;;
    esac
    case "$1" in
        --project) project=$2 ;;
        --location) location=$2 ;;
        --prefix) prefix=$2 ;;
        --bucket) bucket=$2 ;;
        --kms-key) kms_key=$2 ;;
        --daily-tib) daily_tib=$2 ;;
        --reader) readers+=("$2") ;;
        --kubernetes) kubernetes=$2 ;;
        --label) labels+=("$2") ;;
        *) die "there is no option $1" "deploy/google/set-up.sh --help" ;;
    esac
    shift 2
done

# What is put into commands and SQL below is checked here, once.
matches() { [[ "$2" =~ ^$1$ ]]; }
matches '[a-z][a-z0-9-]{4,28}[a-z0-9]' "$project" \
    || die "--project '$project' is not a project's id" "write it as in acme-market-data"
matches '[A-Za-z]+(-[a-z]+[0-9]+)?' "$location" \
    || die "--location '$location' is not a location" "write it as in EU or europe-west4"
matches '[A-Za-z0-9_]{0,100}' "$prefix" \
    || die "--prefix '$prefix' cannot begin a dataset's name" "write it as in market_"
bucket=${bucket:-$project-market-assets}
matches '[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]' "$bucket" \
    || die "--bucket '$bucket' is not a bucket's name" "write the name alone, without gs://"
matches '(projects/[^/ ]+/locations/[^/ ]+/keyRings/[^/ ]+/cryptoKeys/[^/ ]+)?' "$kms_key" \
    || die "--kms-key '$kms_key' is not a key's name" "copy its resource name from Cloud KMS"
if [ -n "$kms_key" ]; then
    # Google refuses a key from elsewhere, at the first table or the bucket and not before.
    case "${location,,}" in
        eu) wanted=europe ;;
        *) wanted=${location,,} ;;
    esac
    [[ "$kms_key" == */locations/"$wanted"/* ]] \
        || die "--kms-key is not in $wanted, where data of $location need their key" \
            "make a key there: gcloud kms keyrings create ... --location=$wanted"
fi
matches '[0-9]{1,5}' "$daily_tib" \
    || die "--daily-tib '$daily_tib' is not a whole number" "write it as in 2"
matches '([a-z0-9-]+/[a-z0-9-]+)?' "$kubernetes" \
    || die "--kubernetes '$kubernetes' is not namespace/name" "write it as in dagster/market-assets"
for reader in "${readers[@]}"; do
    matches '(user|group|serviceAccount|domain):[A-Za-z0-9._%+@-]+' "$reader" \
        || die "--reader '$reader' is not a member" "write it as in group:research@acme.org"
done
[ ${#labels[@]} -gt 0 ] || labels=(app=market-assets)
for label in "${labels[@]}"; do
    matches '[a-z][a-z0-9_-]{0,62}=[a-z0-9_-]{0,63}' "$label" \
        || die "--label '$label' is not a label" "write it as in team=research"
done

writer="market-assets-writer@${project}.iam.gserviceaccount.com"
reader="market-assets-reader@${project}.iam.gserviceaccount.com"

# Changes go through here: printed, and done if that was asked for.
change() {
    printf '+'
    printf ' %q' "$@"
    printf '\n'
    if $apply; then "$@" >/dev/null; fi
}

# Whether something is there; without --apply nobody is asked, and everything is printed.
is_there() { $apply && "$@" >/dev/null 2>&1; }

step() { printf '\n# %s\n' "$1"; }

grant_on_project() { # member, role
    change gcloud projects add-iam-policy-binding "$project" --member="$1" --role="$2" \
        --condition=None --format=none
}

grant_on_dataset() { # member, role, dataset
    change bq --project_id="$project" --location="$location" query --use_legacy_sql=false --quiet \
        "GRANT \`$2\` ON SCHEMA \`$project.$prefix$3\` TO \"$1\""
}

step 'Services'
services=(bigquery bigquerystorage storage iam cloudquotas)
[ -z "$kms_key" ] || services+=(cloudkms)
change gcloud services enable --project="$project" "${services[@]/%/.googleapis.com}"

step 'Accounts: one writes, one reads. Keys are not made: workloads get them from where they run'
for account in writer reader; do
    is_there gcloud iam service-accounts describe --project="$project" \
        "market-assets-$account@${project}.iam.gserviceaccount.com" \
        || change gcloud iam service-accounts create --project="$project" \
            "market-assets-$account" --display-name="market-assets: $account"
done

if [ -n "$kms_key" ]; then
    step 'The key may be used by BigQuery and by the bucket, and by nobody else'
    # In a new project neither of the two accounts is there until somebody asks who it is.
    change bq --project_id="$project" show --encryption_service_account
    change gcloud storage service-agent --project="$project"
    if $apply; then
        number=$(gcloud projects describe "$project" --format='value(projectNumber)')
    else
        number=PROJECT_NUMBER
    fi
    for agent in "bq-$number@bigquery-encryption" "service-$number@gs-project-accounts"; do
        change gcloud kms keys add-iam-policy-binding "$kms_key" \
            --member="serviceAccount:$agent.iam.gserviceaccount.com" \
            --role=roles/cloudkms.cryptoKeyEncrypterDecrypter --format=none
    done
fi

step 'Datasets. In loads everything is gone after a day: a load that was cut off costs nothing for long'
for dataset in raw ops staging marts loads backups; do
    is_there bq --project_id="$project" show --dataset "$project:$prefix$dataset" && continue
    options=(--description="market-assets: $dataset")
    for label in "${labels[@]}"; do options+=(--label="${label/=/:}"); done
    [ -z "$kms_key" ] || options+=(--default_kms_key="$kms_key")
    [ "$dataset" != loads ] || options+=(--default_table_expiration=86400)
    change bq --project_id="$project" --location="$location" mk --dataset "${options[@]}" \
        "$project:$prefix$dataset"
done

step 'The writer: jobs in the project, tables in these datasets. It cannot make or delete datasets'
grant_on_project "serviceAccount:$writer" roles/bigquery.jobUser
grant_on_project "serviceAccount:$writer" roles/bigquery.readSessionUser
for dataset in raw ops staging marts loads backups; do
    grant_on_dataset "serviceAccount:$writer" roles/bigquery.dataEditor "$dataset"
done

step 'Readers: marts and nothing else. Views of marts may look below, those who ask them may not'
for member in "serviceAccount:$reader" "${readers[@]}"; do
    grant_on_project "$member" roles/bigquery.jobUser
    grant_on_dataset "$member" roles/bigquery.dataViewer marts
done
for dataset in raw ops staging; do
    if $apply; then
        described=$(mktemp)
        bq --project_id="$project" show --format=prettyjson "$project:$prefix$dataset" >"$described"
        # Exit code 3: the views are authorized already.
        if python3 - "$described" "$project" "${prefix}marts" <<'PYTHON'
import json, sys
file, project, marts = sys.argv[1:]
document = json.load(open(file))
entry = {"dataset": {"dataset": {"projectId": project, "datasetId": marts}, "targetTypes": ["VIEWS"]}}
if entry in document.get("access", []):
    sys.exit(3)
json.dump({"access": [*document.get("access", []), entry]}, open(file, "w"))
PYTHON
        then
            change bq --project_id="$project" update --source "$described" "$project:$prefix$dataset"
        elif [ $? -ne 3 ]; then
            die "who may read $prefix$dataset cannot be read" "bq show $project:$prefix$dataset"
        fi
        rm -f "$described"
    else
        printf '+ bq update %q: authorize the views of %q\n' "$project:$prefix$dataset" "${prefix}marts"
    fi
done

step 'A bucket for logs of runs (30 days) and backups (35 days), never public'
if ! is_there gcloud storage buckets describe "gs://$bucket"; then
    options=(--project="$project" --location="$location")
    options+=(--uniform-bucket-level-access --public-access-prevention)
    [ -z "$kms_key" ] || options+=(--default-encryption-key="$kms_key")
    change gcloud storage buckets create "gs://$bucket" "${options[@]}"
fi
lifecycle=$(mktemp)
trap 'rm -f "$lifecycle"' EXIT
cat >"$lifecycle" <<'JSON'
{"lifecycle": {"rule": [
  {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["compute-logs/"]}},
  {"action": {"type": "Delete"}, "condition": {"age": 35, "matchesPrefix": ["backups/"]}}
]}}
JSON
told=$(IFS=,; echo "${labels[*]}")
change gcloud storage buckets update "gs://$bucket" --lifecycle-file="$lifecycle" \
    --update-labels="$told"
change gcloud storage buckets add-iam-policy-binding "gs://$bucket" \
    --member="serviceAccount:$writer" --role=roles/storage.objectUser --format=none
# Dagster's log manager looks whether the bucket is there before it writes (storage.buckets.get), which
# no role for objects has.
change gcloud storage buckets add-iam-policy-binding "gs://$bucket" \
    --member="serviceAccount:$writer" --role=roles/storage.legacyBucketReader --format=none

if [ -n "$kubernetes" ]; then
    step 'Pods of this Kubernetes account act as the writer, without a key'
    change gcloud iam service-accounts add-iam-policy-binding "$writer" --project="$project" \
        --role=roles/iam.workloadIdentityUser --format=none \
        --member="serviceAccount:$project.svc.id.goog[$kubernetes]"
fi

if [ "$daily_tib" -gt 0 ]; then
    step "At most $daily_tib TiB scanned in a day, whoever asks: the limit behind all other limits"
    id=market-assets-query-usage-per-day
    verb=create
    if is_there gcloud beta quotas preferences describe "$id" --project="$project"; then
        verb=update
    fi
    change gcloud beta quotas preferences "$verb" --project="$project" \
        --preferred-value="$((daily_tib * 1024 * 1024))" --service=bigquery.googleapis.com \
        --quota-id=QueryUsagePerDay --preference-id="$id" --allow-quota-decrease-below-usage \
        --allow-high-percentage-quota-decrease
fi

echo
if $apply; then
    echo 'Done. Put into platform.yaml, or into variables:'
else
    echo 'Nothing was changed: run it again with --apply. Then put into platform.yaml:'
fi
cat <<YAML
  warehouse: {engine: bigquery}
  bigquery:
    project: $project
    location: $location
    dataset_prefix: "$prefix"
    kms_key: ${kms_key:-null}
  dagster: {compute_logs_bucket: $bucket}
YAML
