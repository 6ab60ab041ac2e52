# workflows.awk - what must hold of every workflow, read line by line: ours are written with two spaces an indentation,
# and what is not (tabs, anchors, flow mappings) is a finding itself. Prints a line a finding.
#     awk -v lanes="a b c" -f workflows.awk FILE...

function finding(what) { print FILENAME ":" FNR ": " what }
function problem(what) { print file ": " what } # of the file as a whole
function indentation(line) { match(line, /^ */); return RLENGTH }
function is_hex40(text,    i) { return length(text) == 40 && text ~ /^[0-9a-f]+$/ }
function file_name() { return substr(FILENAME, match(FILENAME, /[^\/]*$/)) }

# The words of "[a, b]" as " a b ".
function words_of(list) { gsub(/[][, ]+/, " ", list); sub(/^ /, "", list); sub(/ $/, "", list); return " " list " " }

function end_job() {
    if (job == "") return
    if (!(job in timed)) problem("job " job " has no timeout-minutes")
    jobs[job] = 1
    job = ""
}

function end_file(    name) {
    if (file == "") return
    if (permissions != "contents: read;") problem("top-level permissions are not contents: read alone: " permissions)
    if (!concurrency) problem("no concurrency group")
    if (file_is("perf.yml")) {
        if (words_of(matrix) != words_of(lanes))
            problem("the lanes of the matrix are not those of baselines/lanes")
        if (!("perf-gate" in jobs)) problem("no job perf-gate")
        if (gate_if != "always()") problem("perf-gate is not if: always()")
        for (name in jobs)
            if (name != "perf-gate" && index(words_of(gate_needs), " " name " ") == 0)
                problem("perf-gate does not need " name)
        if (!on["pull_request"] || !on["push"] || !on["merge_group"])
            problem("perf does not run on pull_request, push and merge_group")
    }
}
function file_is(name) { return substr(file, length(file) - length(name)) == "/" name }

FNR == 1 {
    end_job(); end_file()
    file = FILENAME; top = ""; permissions = ""; concurrency = 0; run_indent = -1; gate_if = ""; gate_needs = ""
    matrix = ""; env_indent = -1
    split("", jobs); split("", timed); split("", on)
}

/\t/ { finding("a tab") }
/[^ ] *\r$/ { finding("a carriage return") }

# Inside `run: |`: no expression, whatever it is: a shell would read its value as code.
run_indent >= 0 && /[^ ]/ && indentation($0) <= run_indent { run_indent = -1 }
run_indent >= 0 { if (index($0, "${{")) finding("an expression inside run:"); next }

/^ *(#|$)/ { next }
{ line = $0; sub(/[ ]+#.*$/, "", line); depth = indentation(line) }

/(^|[ {])["']?uses["']?:/ {
    action = line; sub(/^.*uses["']?: */, "", action)
    n = split(action, part, "@")
    if (line !~ /^ *(- )?uses: [^ ]+$/ || n != 2 || !is_hex40(part[2])) finding("not pinned to a commit: " action)
}
/[:-] *[&*][A-Za-z]/ { finding("an anchor or alias") }
/pull_request_target/ { finding("pull_request_target") }
/continue-on-error/ { finding("continue-on-error") }
/paths(-ignore)?:/ { finding("a path filter") }

line ~ /^ *(- )?run:/ {
    if (index(line, "${{")) finding("an expression inside run:")
    if (line ~ /run: *[|>]/) run_indent = line ~ /- run:/ ? depth + 2 : depth
}

# What people type, and what a pull request says of itself, comes in through env or decides an if, and nowhere else.
env_indent >= 0 && depth <= env_indent { env_indent = -1 }
line ~ /^ *env:$/ { env_indent = depth }
/\$\{\{[^}]*(inputs\.|github\.event\.|github\.head_ref)/ && env_indent < 0 { finding("an input outside of env:") }

depth == 0 {
    end_job()
    top = line; sub(/:.*/, "", top)
    if (line ~ /^permissions: /) permissions = substr(line, 14) ";"
    if (top == "concurrency") concurrency = 1
    next
}
top == "permissions" { sub(/^ */, "", line); permissions = permissions line ";" }
top == "on" && depth == 2 { name = line; sub(/^ */, "", name); sub(/:.*/, "", name); on[name] = 1 }
top == "jobs" && depth == 2 { end_job(); job = line; gsub(/[ :]/, "", job) }
top == "jobs" && depth == 4 && line ~ /timeout-minutes: [1-9][0-9]*$/ { timed[job] = 1 }
top == "jobs" && depth > 4 && line ~ /: write/ {
    where = file_name() ":" job
    if (where != "recalibrate.yml:propose" && where != "pr-ab.yml:comment") finding("job " job " may write")
}
top == "jobs" && depth == 4 && line ~ /^ *permissions: / { finding("job " job " has permissions in one word") }
top == "jobs" && job == "lane" && line ~ /^ *lane: \[/ { matrix = line; sub(/^ *lane: /, "", matrix) }
top == "jobs" && job == "perf-gate" {
    if (depth == 4 && line ~ /^ *if: /) { gate_if = line; sub(/^ *if: /, "", gate_if) }
    if (depth == 4 && line ~ /^ *needs: /) { gate_needs = line; sub(/^ *needs: /, "", gate_needs) }
    if (depth > 4 && line ~ /^ *(- )?if:/) finding("a step of perf-gate that may be skipped")
}

END { end_job(); end_file() }
