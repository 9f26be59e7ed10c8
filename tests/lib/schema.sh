# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Compares JSON with a schema of tests/schema/ (JSON Schema, draft 7). A schema may refer to another
# one by its file name: {"$ref": "problem.json"}. SCHEMAS=0 skips it where Python is very slow.

# valid_json NAME FILE — the object in FILE is as tests/schema/NAME.json says
valid_json() { valid_schema "$1" "$2" object; }

# valid_lines NAME FILE — the same for each line of FILE; there is one at least
valid_lines() { valid_schema "$1" "$2" lines; }

valid_schema() { # NAME FILE object|lines
	[[ ${SCHEMAS-} != 0 ]] || return 0
	python3 - "$TOP/tests/schema" "$@" <<-'END'
		import json, pathlib, sys
		from jsonschema import Draft7Validator, RefResolver

		folder, name, path, kind = sys.argv[1:]
		schema = json.loads(pathlib.Path(folder, name + ".json").read_text())
		Draft7Validator.check_schema(schema)
		resolver = RefResolver(pathlib.Path(folder).as_uri() + "/", schema)
		validator = Draft7Validator(schema, resolver=resolver)
		text = pathlib.Path(path).read_text()
		objects = text.splitlines() if kind == "lines" else [text]
		faults = 0 if objects else 1
		for text in objects:
		    for fault in validator.iter_errors(json.loads(text)):
		        print("/".join(map(str, fault.absolute_path)), fault.message[:200])
		        faults += 1
		sys.exit(faults != 0)
	END
}
