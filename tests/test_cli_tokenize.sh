#!/bin/sh
# test_cli_tokenize.sh RIDGELINE - ridgeline tokenize: what encode, decode and count write, and how they end.
set -u
ridgeline=$1
. "$(dirname "$0")/cli.sh"
cd "$tmp" || exit 1
unset RL_ISA

tok() { # encode|decode|count ARGUMENT...
    command=$1
    shift
    "$ridgeline" tokenize "$command" --model built-in "$@"
}

printf 'One two' >text
ids=$(tok encode text)
is "the first id" "${ids%% *}" 1
is "standard input" "$(tok encode <text)" "$ids"
is "standard input by its name" "$(tok encode - <text)" "$ids"
is "without bos" "1 $(tok encode --no-bos text)" "$ids"
is "the count" "$(tok count text)" "$(echo "$ids" | wc -w | tr -d ' ')"
is "the count of nothing" "$(tok count </dev/null)" 1
is "no ids" "$(tok encode --no-bos </dev/null)" ""
is "the text again" "$(tok encode text | tok decode)" "One two"
is "the scalar kernels' ids" "$(RL_ISA=scalar "$ridgeline" tokenize encode --model built-in text)" "$ids"

# Special pieces, in each mode.
printf 'a</s>' >special
is "text" "$(tok count special | tr -d '\n' | grep -c '^[4-9]')" 1
is "a special piece" "$(tok encode --special special)" "1 260 2"
is "spelled out" "$(echo '1 260 2' | tok decode --special)" "<s> a</s>"
is "left out" "$(echo '1 260 2' | tok decode)" "a"
is "as llama.cpp has it" "$(tok encode --mode llama.cpp --special special)" "1 260 2"
is "as SentencePiece has it" "$(tok encode --mode sentencepiece special)" "$(tok encode special)"

# Formats.
printf 'a\n\001</s>' >odd
is "text" "$(tok encode --format text --special odd)" "$(printf '1\t<s>\n260\t\342\226\201a\n13\t<0x0A>\n4\t<0x01>\n2\t</s>')"
is "json" "$(tok encode --format json --special odd)" \
    "$(printf '{"ids":[1,260,13,4,2],"pieces":["<s>","\342\226\201a","<0x0A>","<0x01>","</s>"]}')"
tok encode --format json --special odd | tok decode >out && printf 'a\n\001' | cmp -s - out || fail "json does not decode"
is "an array" "$(echo '[1, 260 , 2]' | tok decode)" a
is "an object" "$(echo '{"pieces":["]",{"\"":[{}]}],"x":-1.5e3,"ids":[260],"y":null}' | tok decode)" a
is "an empty array" "$(echo '[]' | tok decode)" ""
printf '\377\000b' >bytes
tok encode --mode llama.cpp bytes | tok decode | cmp -s - bytes || fail "bytes do not come back"

# Lines: a text each.
printf '"One two"\n"a\\n\\u0001\\u0000"\n  ""  \n"\\ud83e\\udd99\\/"' >lines
tok encode --lines lines >out
is "lines" "$(wc -l <out | tr -d ' ')" 4
is "the first line" "$(head -n 1 out)" "$ids"
is "the second" "$(sed -n 2p out)" "1 260 13 4 3"
is "the third" "$(sed -n 3p out)" 1
is "counts" "$(tok count --lines lines | sed -n '2,3p' | tr '\n' ' ')" "5 1 "
is "objects" "$(tok encode --lines --format json lines | sed -n 3p)" '{"ids":[1],"pieces":["<s>"]}'
is "the texts" "$(tok decode --lines out | sed -n '2,4p' | tr '\n' ' ')" \
    "$(printf '"a\\n\\u0001\\u0000" "" "\360\237\246\231/" ')"
printf '4F6e652074776f\n\n ff00 \n' >hex
tok encode --hex --mode llama.cpp hex >out
is "hexadecimal: the first line" "$(head -n 1 out)" "$ids"
is "nothing, and bytes" "$(sed -n '2,$p' out | tr '\n' ';')" "1;$(printf '\377\000' | tok encode --mode llama.cpp);"
is "counts of hexadecimal" "$(tok count --hex --lines hex | sed -n 2p)" 1
is "no text for half a character" "$(echo 243 | tok decode --lines)" "$(printf '"\357\277\275"')"

# What is wrong.
refuses() { # TEXT INPUT ARGUMENT...
    says=$1
    printf '%b' "$2" >input
    shift 2
    expect 2 "$says" "$ridgeline" tokenize "$@" --model built-in input
    says "$says"
}
refuses 'input: byte 2: id 1 is 32000, allowed are 0 to 31999' '1 32000' decode
refuses 'input: byte 0: id 0 is 99999999999999999999999, allowed' '99999999999999999999999' decode
refuses "input: byte 2: found '-1', expected an id" '1 -1' decode
refuses "input: byte 1: found 'x', expected a blank" '1x' decode
refuses "input: byte 3: found ']', expected nothing more" '[ ]]' decode
refuses "input: byte 3: found ']', expected an id" '[1,]' decode
refuses "input: byte 2: found 'the end', expected" '[1' decode
refuses "input: byte 3: found 'x', expected nothing more" '[1]x' decode
refuses 'input: an object without "ids"' '{"id":[1]}' decode
refuses 'input: "ids" is there twice' '{"ids":[1],"ids":[2]}' decode
refuses "input: byte 8: found 'the end', expected" '{"a":[[]' decode
refuses 'input: line 2: byte 0: found' '1\nx\n' decode --lines
refuses 'input: line 2 does not begin with a quotation mark, expected a JSON string' '"a"\n\n"b"\n' encode --lines
refuses 'input: line 1 holds an escape that is none' '"\\x"\n' encode --lines
refuses 'input: line 1 holds an escape that is none' '"\\udc00"\n' encode --lines
refuses 'input: line 1 holds bytes that are no UTF-8' '"\0377"\n' encode --lines
refuses 'input: line 1 does not end with a quotation mark' '"\\"\n' count --lines
refuses 'input: line 1 goes on after the string' '"a" "b"\n' count --lines
refuses 'input: line 1 has an odd number of hexadecimal digits, expected two of them a byte' '414\n' encode --hex
refuses 'input: line 2 holds a character that is no hexadecimal digit, expected two' '41\ng1\n' encode --hex
refuses 'input: line 1 holds a character that is no hexadecimal digit, expected two' '4"41"\n' count --hex
expect 2 "no input" "$ridgeline" tokenize encode --model built-in nothere
says 'nothere: cannot open'
expect 2 "no model" "$ridgeline" tokenize encode --model nothere text
says 'nothere: cannot open'
printf '{}' >bad.json
expect 2 "a bad model" "$ridgeline" tokenize count --model bad.json text
says 'bad.json: model is missing'

expect 64 "no model named" "$ridgeline" tokenize encode text
says '--model F is required'
expect 64 "a mode" "$ridgeline" tokenize encode --model built-in --mode gpt2 text
says "--mode is 'gpt2', expected hf, sentencepiece or llama.cpp"
expect 64 "a format" "$ridgeline" tokenize encode --model built-in --format xml text
says "--format is 'xml', expected text, json or ids"
expect 64 "special in a mode without" "$ridgeline" tokenize encode --model built-in --mode sentencepiece --special text
says '--special: SentencePiece never'
expect 64 "text by the line" "$ridgeline" tokenize encode --model built-in --lines --format text lines
expect 64 "hexadecimal" "$ridgeline" tokenize encode --model built-in --hex --format text lines
says '--hex gives one line each: --format json or ids'
expect 64 "a second file" "$ridgeline" tokenize count --model built-in text text
for command in encode decode count; do
    expect 0 "help" "$ridgeline" tokenize $command --help
    says "usage: ridgeline tokenize $command [FILE|-] [options]"
    says 'exit status: 0, 2 the model or the input cannot be read, 64 bad usage'
done

echo "$checks checks, $failures failed"
[ $failures = 0 ]
