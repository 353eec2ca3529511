#!/usr/bin/env bats
# See LICENSE.
# bats file_tags=slow
# chr-pull against a registry that errs, lies and stalls as it is told to.

load helper

# fake [RULE...]: starts tests/fake-registry with the layout img.
fake() {
	[ -d img ] || mkimage -f oci -n 1 img "file a 644 small" \
	    "random b 200000" >digest
	fake_registry img "$@"
}

# The digests of the image's layers, bottom first.
layers() {
	python3 - "$(cat digest)" <<-'EOT'
		import json, sys
		with open("img/blobs/sha256/" + sys.argv[1][7:]) as f:
		    for layer in json.load(f)["layers"]:
		        print(layer["digest"])
	EOT
}

# The digest of its configuration.
config() {
	python3 - "$(cat digest)" <<-'EOT'
		import json, sys
		with open("img/blobs/sha256/" + sys.argv[1][7:]) as f:
		    print(json.load(f)["config"]["digest"])
	EOT
}

# add TEXT: stores it as a blob; $digest and $size say what it is.
add() {
	digest=$(printf %s "$1" | sha256sum)
	digest=sha256:${digest%% *}
	size=${#1}
	printf %s "$1" >"img/blobs/sha256/${digest#sha256:}"
}

# top TEXT: makes this manifest the one that tags name.
top() {
	add "$1"
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s","digest":"%s",
"size":%d}]}' application/vnd.oci.image.manifest.v1+json "$digest" "$size" \
	    >img/index.json
	printf %s "$digest" >digest
}

# manifest_as PYTHON: the image's manifest m is changed by it.
manifest_as() {
	[ -d img ] || mkimage -f oci -n 1 img "file a 644 small" \
	    "random b 200000" >digest
	top "$(python3 - "$(cat digest)" "$1" <<-'EOT'
		import json, sys
		with open("img/blobs/sha256/" + sys.argv[1][7:]) as f:
		    m = json.load(f)
		exec(sys.argv[2])
		print(json.dumps(m), end="")
	EOT
	)"
}

# asked PATTERN N: the log of requests has N lines like this.
asked() {
	local n

	n=$(grep -c -- "$1" requests) || :
	[ "$n" = "$2" ] || {
		cat requests
		fail "$n requests like $1, expected $2"
	}
}

pulls() {
	run_err 0 "${1-}" chr-pull "$host/a/b"
	[ "$output" = "$host/a/b@$(cat digest)" ]
}

# bats test_tags=quick
@test "an anonymous pull" {
	fake
	pulls
	asked 'GET /v2/a/b/manifests/latest' 1
	asked 'GET /v2/a/b/blobs/' 3
	asked auth= 0
}

@test "by digest, by tag and digest" {
	fake
	run_err 0 "" chr-pull "$host/a/b@$manifest"
	run_err 0 "" chr-pull "$host/a/b:1@$manifest"
	[ "$output" = "$host/a/b@$manifest" ]
	asked 'GET /v2/a/b/manifests/1' 0
}

@test "resolving costs one HEAD" {
	fake
	run_err 0 "" chr-pull -n "$host/a/b"
	[ "$output" = "$host/a/b@$manifest" ]
	[ "$(cat requests)" = "HEAD /v2/a/b/manifests/latest" ]
	[ ! -e "$CHR_STORE" ]
}

@test "HEAD 405, HEAD without a digest: GET" {
	fake '{"on":"HEAD *","times":1,"status":405}' \
	    '{"on":"HEAD *","status":200,"headers":{"Content-Type":"text/html"}}'
	run_err 0 "" chr-pull -n "$host/a/b"
	[ "$output" = "$host/a/b@$manifest" ]
	run_err 0 "" chr-pull -n "$host/a/b"
	[ "$output" = "$host/a/b@$manifest" ]
}

@test "not found" {
	fake '{"on":"* /v2/a/x/*","status":404,"body":"{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"repository name not known\"}]}"}' \
	    '{"on":"* /v2/a/y/*","status":404}' \
	    '{"on":"GET /v2/a/z/blobs/*","status":404}'
	run_err 3 "chr-pull: $host/a/x:latest: not found: repository name not known" \
	    chr-pull "$host/a/x"
	run_err 3 "chr-pull: $host/a/y:2: not found" chr-pull -n "$host/a/y:2"
	run_err 3 "chr-pull: $host/a/y@$layer: not found" \
	    chr-pull -n "$host/a/y@$layer"
	run_like 3 "chr-pull: $host/a/z:latest: sha256:*: not found" \
	    chr-pull "$host/a/z"
}

@test "nobody there" {
	run_err 5 "chr-pull: 127.0.0.1:1/x:latest: cannot reach 127.0.0.1:1: Connection refused" \
	    chr-pull 127.0.0.1:1/x
	run_err 5 "chr-pull: r.invalid/x:latest: cannot reach r.invalid: no such host, or no answer from the name server" \
	    chr-pull r.invalid/x
}

# --- tokens ---

challenge='"status":401,"headers":{"WWW-Authenticate":"Bearer realm=\"http://$HOST/token\",service=\"s\""}'

@test "401 on the first call, then one token for all" {
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}'
	pulls
	asked 'GET /token?service=s&scope=repository%3Aa%2Fb%3Apull$' 1
	asked 'GET /v2/a/b/manifests/latest auth=Bearer t1' 1
	asked 'blobs/.* auth=Bearer t1' 3
}

@test "scopes of the challenge, reduced to pulling; a realm with a query" {
	fake '{"on":"* /v2/*","auth":null,"status":401,"headers":{"WWW-Authenticate":"bearer REALM=\"http://$HOST/token?x=1\" , Scope=\"repository:a/b:pull,push repository:c/d:pull\""}}'
	pulls
	asked 'GET /token?x=1&scope=repository%3Aa%2Fb%3Apull&scope=repository%3Ac%2Fd%3Apull$' 1
}

@test "a token called access_token" {
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}' \
	    '{"on":"GET /token*","status":200,"body":"{\"token\":\"\",\"access_token\":\"t2\",\"expires_in\":300}"}'
	pulls
	asked 'auth=Bearer t2' 4
}

@test "no token in the reply" {
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}' \
	    '{"on":"GET /token?*","times":1,"status":200,"body":"{}"}' \
	    '{"on":"GET /token?*","times":1,"status":200,"body":"{\"token\":\"a\\r\\nb\"}"}' \
	    '{"on":"GET /token?*","status":200,"body":"<html>"}'
	run_err 6 "chr-pull: $host/a/b:latest: token server $host: no token in reply" \
	    chr-pull "$host/a/b"
	run_err 6 "chr-pull: $host/a/b:latest: token server $host: no token in reply" \
	    chr-pull "$host/a/b"
	run_err 6 "chr-pull: $host/a/b:latest: token server $host: not JSON: line 1, column 1: bad syntax" \
	    chr-pull "$host/a/b"
}

@test "a token that dies in the middle is renewed once" {
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}' \
	    '{"on":"GET /v2/a/b/blobs/*","auth":"Bearer t1","skip":1,'"$challenge"'}' \
	    '{"on":"GET /token*","times":1,"status":200,"body":"{\"token\":\"t1\"}"}' \
	    '{"on":"GET /token*","status":200,"body":"{\"token\":\"t2\"}"}'
	run_err 0 "" chr-pull -j 1 "$host/a/b"
	asked 'GET /token' 2
	asked 'blobs/.*auth=Bearer t2' 2
}

@test "a second 401 is final" {
	fake '{"on":"* /v2/a/b/manifests/*",'"$challenge"'}' \
	    '{"on":"* /v2/a/c/blobs/*",'"$challenge"'}'
	run_err 4 "chr-pull: $host/a/b:latest: not found or no access" \
	    chr-pull "$host/a/b"
	asked 'GET /token' 1
	run_like 4 "chr-pull: $host/a/c:latest: sha256:*: not found or no access" \
	    chr-pull -j 1 "$host/a/c"
}

@test "401 without a challenge: /v2/ has it" {
	fake '{"on":"GET /v2/",'"$challenge"'}' \
	    '{"on":"* /v2/*","auth":null,"status":401}'
	pulls
	asked 'GET /v2/$' 1
}

@test "401 without any challenge" {
	fake '{"on":"* /v2/*","status":401,"body":"{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\"}]}"}'
	run_err 4 "chr-pull: $host/a/b:latest: not found or no access: authentication required" \
	    chr-pull "$host/a/b"
}

@test "challenges that are no use" {
	fake '{"on":"* /v2/a/*","status":401,"headers":{"WWW-Authenticate":"Bearer realm=\"\""}}' \
	    '{"on":"* /v2/b/*","status":401,"headers":{"WWW-Authenticate":"Bearer realm=\"http://x"}}' \
	    '{"on":"* /v2/c/*","status":401,"headers":{"WWW-Authenticate":"Negotiate"}}'
	run_err 6 "chr-pull: $host/a/b:latest: $host: malformed WWW-Authenticate header" \
	    chr-pull "$host/a/b"
	run_err 6 "chr-pull: $host/b/b:latest: $host: malformed WWW-Authenticate header" \
	    chr-pull "$host/b/b"
	run_err 4 "chr-pull: $host/c/b:latest: not found or no access" \
	    chr-pull "$host/c/b"
}

@test "the best of several challenges" {
	fake '{"on":"* /v2/*","auth":null,"status":401,"headers":{"WWW-Authenticate":["Negotiate","Basic realm=\"r\"","Bearer realm=\"http://$HOST/token\""]}}'
	pulls
	asked 'auth=Bearer t1' 4
}

@test "realms that are not to be asked" {
	fake '{"on":"* /v2/a/*","status":401,"headers":{"WWW-Authenticate":"Bearer realm=\"http://127.0.0.1:1/token\""}}' \
	    '{"on":"* /v2/b/*","status":401,"headers":{"WWW-Authenticate":"Bearer realm=\"http://169.254.169.254/\""}}' \
	    '{"on":"* /v2/c/*","status":401,"headers":{"WWW-Authenticate":"Bearer realm=\"file:///etc/passwd\""}}'
	run_err 6 "chr-pull: $host/a/b:latest: realm http://127.0.0.1:1/token refused: an address of the local network" \
	    chr-pull "$host/a/b"
	run_err 6 "chr-pull: $host/b/b:latest: realm http://169.254.169.254/ refused: an address of the local network" \
	    chr-pull "$host/b/b"
	run_err 6 "chr-pull: $host/c/b:latest: realm file:///etc/passwd refused: not an http or https address" \
	    chr-pull "$host/c/b"
}

@test "403 is final" {
	fake '{"on":"* /v2/*","status":403,"body":"{\"errors\":[{\"code\":\"DENIED\"}]}"}'
	run_err 4 "chr-pull: $host/a/b:latest: access denied: DENIED" \
	    chr-pull "$host/a/b"
	asked . 1
}

# token_says STATUS BODY...: a rule each, of the token service for repositories r0/x,
# r1/x and so on.
token_says() {
	rules=('{"on":"* /v2/*","auth":null,'"$challenge"'}')
	while [ $# -gt 0 ]; do
		body=${2//\"/\\\"}
		rules+=('{"on":"GET /token?*r'$((${#rules[@]} - 1))'%2Fx*","status":'"$1"',"headers":{"Retry-After":"0"},"body":"'"$body"'"}')
		shift 2
	done
}

@test "no token is in a message" {
	token_says 201 '{"token":"hidden","message":"hidden"}' \
	    300 '{"token":"hidden"}' \
	    400 '{"access_token":"hidden","error":"bad_scope"}' \
	    500 'hidden' \
	    503 '{"refresh_token":"hidden","errors":[{"message":"full"}]}' \
	    200 '{"token":"hidden' \
	    200 '"hidden"' \
	    200 '{"a":"\\ud800hidden"}' \
	    401 '{"token":"hidden"}' \
	    203 '{"token":"t3"}'
	fake "${rules[@]}"
	nr=0
	for why in 'HTTP 201' 'HTTP 300' 'HTTP 400: bad_scope' 'HTTP 500' \
	    'HTTP 503: full' 'not JSON: line 1, column *: ends too early' \
	    'not JSON: line 1, column *: bad syntax' \
	    'not JSON: line 1, column *: bad syntax'; do
		run_like $((nr < 5 ? 5 : 6)) \
		    "*chr-pull: $host/r$nr/x:latest: token server $host: $why" \
		    chr-pull -nv "$host/r$nr/x"
		[[ $stderr != *hidden* ]] || fail "$stderr"
		nr=$((nr + 1))
	done
	run_err 4 "chr-pull: $host/r8/x:latest: not found or no access: token server $host says HTTP 401" \
	    chr-pull -n "$host/r8/x"
	run_err 0 "" chr-pull -n "$host/r9/x"
	asked 'auth=Bearer t3' 1
}

# --- credentials ---

basic='"status":401,"headers":{"WWW-Authenticate":"Basic realm=\"r\""}'

# login FILE USER:PASSWORD: a file of credentials for $host.
login() {
	mkdir -p "$(dirname "$1")"
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$host" \
	    "$(printf %s "$2" | base64)" >"$1"
}

@test "credential files, in their order" {
	fake '{"on":"* /v2/*","auth":null,'"$basic"'}'
	printf '{"http://%s":{"auth":"%s"}}' "$host" \
	    "$(printf e:e | base64)" >"$HOME/.dockercfg"
	run_err 0 "" chr-pull -n "$host/a/b"
	login "$HOME/.docker/config.json" d:d
	run_err 0 "" chr-pull -n "$host/a/b"
	login "$HOME/.config/containers/auth.json" c:c
	run_err 0 "" chr-pull -n "$host/a/b"
	export XDG_RUNTIME_DIR=$T/run
	login "$XDG_RUNTIME_DIR/containers/auth.json" b:b
	run_err 0 "" chr-pull -n "$host/a/b"
	export REGISTRY_AUTH_FILE=$T/auth.json
	login "$REGISTRY_AUTH_FILE" a:a
	run_err 0 "" chr-pull -n "$host/a/b"
	run sed -n 's/.*auth=Basic //p' requests
	[ "$output" = "$(for p in e d c b a; do printf %s "$p:$p" | base64; done)" ]
}

@test "credentials are not printed" {
	fake '{"on":"* /v2/*",'"$basic"'}'
	login "$HOME/.docker/config.json" user:hidden
	run_err 4 "$host/a/b:latest: asking http://$host
chr-pull: $host/a/b:latest: not found or no access" \
	    chr-pull -v "$host/a/b"
	asked 'auth=Basic' 1
}

@test "Basic without credentials" {
	fake '{"on":"* /v2/*",'"$basic"'}'
	run_err 4 "chr-pull: $host/a/b:latest: not found or no access: no credentials for $host" \
	    chr-pull "$host/a/b"
}

@test "a token is asked for with the user's password" {
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}'
	login "$HOME/.docker/config.json" user:pass
	pulls
	asked 'GET /token?account=user&service=s&scope=.* auth=Basic dXNlcjpwYXNz$' 1
}

@test "a token request with credentials is not redirected" {
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}' \
	    '{"on":"GET /token*","status":302,"headers":{"Location":"/elsewhere"}}'
	login "$HOME/.docker/config.json" user:pass
	run_err 5 "chr-pull: $host/a/b:latest: token server: redirect of a request with credentials refused" \
	    chr-pull "$host/a/b"
}

@test "wrong password" {
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}' \
	    '{"on":"GET /token*","status":401,"body":"{\"details\":\"incorrect username or password\"}"}'
	login "$HOME/.docker/config.json" user:pass
	run_err 4 "chr-pull: $host/a/b:latest: not found or no access: token server $host says HTTP 401: incorrect username or password" \
	    chr-pull "$host/a/b"
}

@test "an identity token is posted, or where that is not known sent by GET" {
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}' \
	    '{"on":"POST /token","times":1,"status":200,"body":"{\"access_token\":\"t3\"}"}' \
	    '{"on":"POST /token","status":405}'
	mkdir "$HOME/.docker"
	echo "{\"auths\":{\"$host\":{\"identitytoken\":\"id+1\"}}}" \
	    >"$HOME/.docker/config.json"
	run_err 0 "" chr-pull -n "$host/a/b"
	asked 'POST /token body=grant_type=refresh_token&client_id=chr&service=s&scope=repository%3Aa%2Fb%3Apull&refresh_token=id%2B1' 1
	asked 'auth=Bearer t3' 1
	run_err 0 "" chr-pull -n "$host/a/b"
	asked 'GET /token?' 1
}

@test "a ready token is used at once" {
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}'
	mkdir "$HOME/.docker"
	echo "{\"auths\":{\"$host/a\":{\"registrytoken\":\"ready\"}}}" \
	    >"$HOME/.docker/config.json"
	run_err 0 "" chr-pull -n "$host/a/b"
	[ "$(cat requests)" = "HEAD /v2/a/b/manifests/latest auth=Bearer ready" ]
}

# helper SCRIPT: docker-credential-test does this.
credential_helper() {
	mkdir -p bin "$HOME/.docker"
	printf '#!/bin/sh\n%s\n' "$1" >bin/docker-credential-test
	chmod +x bin/docker-credential-test
	PATH=$T/bin:$PATH
	echo '{"credsStore":"test"}' >"$HOME/.docker/config.json"
}

@test "a credential helper is asked" {
	fake '{"on":"* /v2/*","auth":null,'"$basic"'}'
	credential_helper 'echo "$1 $(cat)" >"$HOME/asked"
	echo "{\"ServerURL\":\"x\",\"Username\":\"u\",\"Secret\":\"p\"}"'
	run_err 0 "" chr-pull -n "$host/a/b"
	[ "$(cat "$HOME/asked")" = "get $host" ]
	asked 'auth=Basic dTpw' 1
}

@test "a credential helper with an identity token" {
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}'
	credential_helper 'echo "{\"Username\":\"<token>\",\"Secret\":\"id\"}"'
	run_err 0 "" chr-pull -n "$host/a/b"
	asked 'POST /token .*refresh_token=id' 1
}

@test "a credential helper that fails does not stop a public pull" {
	fake
	credential_helper 'echo "credentials not found in native keychain"; exit 1'
	run_err 0 "" chr-pull -n "$host/a/b"
	credential_helper 'echo "no keychain"; exit 1'
	run_err 0 "chr-pull: warning: docker-credential-test: exit status 1: no credentials used" \
	    chr-pull -n "$host/a/b"
	credential_helper 'exec <&-; echo "{}"'
	run_err 0 "chr-pull: warning: docker-credential-test: no Username and Secret: no credentials used" \
	    chr-pull -n "$host/a/b"
	rm bin/docker-credential-test
	run_err 0 "chr-pull: warning: docker-credential-test: No such file or directory" \
	    chr-pull -n "$host/a/b"
	echo '{"credsStore":"../x"}' >"$HOME/.docker/config.json"
	run_err 0 "chr-pull: warning: credential helper ../x: bad name" \
	    chr-pull -n "$host/a/b"
}

@test "a credential helper has standard input, output and error alone" {
	fake
	credential_helper 'ls -l /proc/self/fd >"$HOME/open"
	grep SigIgn "/proc/$$/status" >"$HOME/ignored"; exit 1'
	run_like 0 "chr-pull: warning: docker-credential-test: exit status 1: *" \
	    chr-pull -n "$host/a/b" 9</dev/null
	# ls has what it lists open, too
	run -0 sed -n 's/.* \([0-9]*\) -> .*/\1/p' "$HOME/open"
	[ "$output" = "$(printf '%s\n' 0 1 2 3)" ]
	grep -q ' 3 -> /proc/' "$HOME/open"
	! grep -q 'SigIgn:.*[13579bdf]...$' "$HOME/ignored"
}

@test "what a credential helper prints is not shown" {
	fake
	credential_helper 'echo "{\"Username\":\"u\",\"Secret\":\"hidden\"}"; exit 1'
	run_err 0 "chr-pull: warning: docker-credential-test: exit status 1: no credentials used" \
	    chr-pull -n "$host/a/b"
	credential_helper 'echo "{\"Username\":\"u\",\"Secret\":\"hidden"'
	run_err 0 "chr-pull: warning: docker-credential-test: line 1, column 32: ends too early: no credentials used" \
	    chr-pull -n "$host/a/b"
	credential_helper ':'
	run_err 0 "chr-pull: warning: docker-credential-test: no output: no credentials used" \
	    chr-pull -n "$host/a/b"
}

@test "a credential helper that leaves something running" {
	fake '{"on":"* /v2/*","auth":null,'"$basic"'}'
	credential_helper 'echo "{\"Username\":\"u\",\"Secret\":\"p\"}"
	sleep 1000 2>/dev/null & echo $! >"$HOME/left"'
	run_err 0 "" chr-pull -n "$host/a/b"
	kill "$(cat "$HOME/left")"
	asked 'auth=Basic dTpw' 1
}

@test "a malformed file of credentials is warned about, not quoted" {
	fake
	mkdir "$HOME/.docker"
	printf '{"auths":\n{"r":{"auth":"dTpzM2N\nyM3Q="}}}' >"$HOME/.docker/config.json"
	run_err 0 "chr-pull: warning: $HOME/.docker/config.json: line 2, column 21: bad syntax" \
	    chr-pull -n "$host/a/b"
	echo '{"auths":{"https://u:hidden@r/":{},"https://u:hidden@r/":{}}}' \
	    >"$HOME/.docker/config.json"
	run_err 0 "chr-pull: warning: $HOME/.docker/config.json: line 1, column 56: a member twice" \
	    chr-pull -n "$host/a/b"
}

@test "no user, password or query of an address is in a message" {
	export CHR_MIRRORS='# two
https://user:hidden@mirror.example'
	run_err 1 "chr-pull: CHR_MIRRORS: line 2: not of the form domain URL" \
	    chr-pull -n 127.0.0.1:1/a
	CHR_MIRRORS='docker.io https://user:hidden@mirror.example'
	run_err 1 "chr-pull: CHR_MIRRORS: line 1: not of the form domain URL" \
	    chr-pull -n 127.0.0.1:1/a
	CHR_MIRRORS='127.0.0.1:1 https://mirror.example/?sig=hidden'
	run_err 1 "chr-pull: CHR_MIRRORS: line 1: not of the form domain URL" \
	    chr-pull -n 127.0.0.1:1/a
	unset CHR_MIRRORS
	fake '{"on":"* /v2/a/*","status":401,"headers":{"WWW-Authenticate":"Bearer realm=\"http://user:hidden@127.0.0.1:1/t?s=hidden\""}}' \
	    '{"on":"GET /v2/b/x/blobs/*","status":307,"headers":{"Location":"/x?X-Amz-Signature=hidden"}}' \
	    '{"on":"GET /v2/c/x/blobs/*","status":307,"headers":{"Location":"http://user:hidden@127.0.0.1:1/"}}' \
	    '{"on":"GET /x?*","status":403,"body":"<Code>AccessDenied</Code><SignatureProvided>hidden<"}'
	run_err 6 "chr-pull: $host/a/b:latest: realm http://127.0.0.1:1/t refused: not an http or https address" \
	    chr-pull -n "$host/a/b"
	run_like 4 "chr-pull: $host/b/x:latest: sha256:*: access denied" \
	    chr-pull -j 1 "$host/b/x"
	run_like 5 "chr-pull: $host/c/x:latest: sha256:*: redirect to a bad address" \
	    chr-pull -j 1 "$host/c/x"
	end_server "$server"
	manifest_as 'm["layers"][1]["urls"] = ["http://user:hidden@127.0.0.1:1/x?sig=hidden"]'
	fake
	run_like 0 "*
http://127.0.0.1:1/x: bad address: http://127.0.0.1:1/x
*" chr-pull -v "$host/a/b"
	[[ $stderr != *hidden* ]]
}

# --- redirects ---

@test "a redirect to another port loses Authorization" {
	fake '{"on":"*?sig=1","auth":null}' \
	    '{"on":"*","status":400,"body":"Only one auth mechanism allowed"}'
	cdn=$host
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}' \
	    '{"on":"GET /v2/a/b/blobs/'"$layer"'","status":307,"headers":{"Location":"http://'"$cdn"'/v2/x/blobs/'"$layer"'?sig=1"}}'
	pulls
	asked "GET /v2/a/b/blobs/$layer auth=Bearer t1$" 1
	asked "GET /v2/x/blobs/$layer?sig=1$" 1
}

@test "a redirect within the host keeps Authorization" {
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}' \
	    '{"on":"GET /v2/a/b/manifests/latest","status":302,"headers":{"Location":"../../c/manifests/1"}}'
	pulls
	asked 'GET /v2/a/c/manifests/1 auth=Bearer t1' 1
}

@test "a redirect to a long address" {
	long=$(printf %6000s "" | tr ' ' x)
	fake
	end_server "$server"
	fake '{"on":"GET *&end"}' '{"on":"GET *sig=*","status":403}' \
	    '{"on":"GET /v2/a/b/blobs/'"$layer"'","status":307,"headers":{"Location":"/v2/c/blobs/'"$layer"'?sig='"$long"'&end"}}'
	pulls
	asked "GET /v2/c/blobs/$layer?sig=x*&end$" 1
}

@test "redirects in a circle" {
	fake '{"on":"GET /v2/a/b/manifests/*","status":307,"headers":{"Location":"/v2/a/b/manifests/latest"}}'
	run_err 5 "chr-pull: $host/a/b:latest: too many redirects" \
	    chr-pull "$host/a/b"
	asked . 11
}

@test "redirects to nowhere" {
	fake '{"on":"* /v2/a/*","status":307}' \
	    '{"on":"* /v2/b/*","status":307,"headers":{"Location":"file:///etc/passwd"}}'
	run_err 5 "chr-pull: $host/a/b:latest: HTTP 307 without Location" \
	    chr-pull "$host/a/b"
	run_err 5 "chr-pull: $host/b/b:latest: redirect to a bad address" \
	    chr-pull "$host/b/b"
}

# leads FROM KIND "ADDRESS IP"...: redirects of that server to each address are
# refused.  FROM is here or one behind a proxy.
leads() {
	local nr=0 rules=() from=$1 kind=$2 to

	shift 2
	for to; do
		rules+=('{"on":"GET */v2/r'${#rules[@]}'/*","status":307,"headers":{"Location":"http://'"${to% *}"':1/x"}}')
	done
	: >requests
	fake "${rules[@]}"
	[ "$from" != here ] || from=$host
	for to; do
		http_proxy=http://$host run_like 6 \
		    "chr-pull: $from/r$nr/x:latest: redirect to *:1 refused: ${to#* } is a $kind address" \
		    chr-pull "http://$from/r$nr/x"
		nr=$((nr + 1))
	done
	asked . "$nr"
}

@test "a redirect never leads to a link-local address" {
	leads here link-local "169.254.169.254 169.254.169.254" \
	    "0xa9fea9fe 169.254.169.254" "[fe80::1] fe80::1" \
	    "[::ffff:169.254.1.2] 169.254.1.2"
	# through a proxy what is written as an address is judged
	leads far.invalid:5000 link-local "169.254.1.2 169.254.1.2"
}

@test "a redirect leads to this machine only from this machine" {
	leads far.invalid:5000 loopback "127.0.0.1 127.0.0.1" \
	    "127.9.9.9 127.9.9.9" "0.0.0.0 0.0.0.0" "[::1] ::1" "[::] ::" \
	    "[::ffff:127.0.0.1] 127.0.0.1"
}

# near COMMAND...: it takes near.example for an address of this machine, and
# for what needs no proxy.
near() {
	printf '127.0.0.1 near.example localhost\n' >hosts
	no_proxy=near.example http_proxy=http://$host unshare -m sh -c '
		mount --make-rprivate / && mount --bind hosts /etc/hosts &&
		exec "$@"' sh "$@"
}

@test "a name is judged by the address that it turns out to have" {
	skip_unless_root
	fake '{"on":"* http://far.invalid:5000/v2/a/*","status":307,"headers":{"Location":"http://near.example:1/x"}}' \
	    '{"on":"* http://far.invalid:5000/v2/b/*","status":401,"headers":{"WWW-Authenticate":"Bearer realm=\"http://near.example:1/x\""}}'
	run_err 6 "chr-pull: far.invalid:5000/a:latest: redirect to near.example:1 refused: 127.0.0.1 is a loopback address" \
	    near chr-pull http://far.invalid:5000/a
	run_err 6 "chr-pull: far.invalid:5000/b:latest: token server: near.example:1 refused: 127.0.0.1 is a loopback address" \
	    near chr-pull http://far.invalid:5000/b
}

@test "a connection that is used again is judged again" {
	skip_unless_root
	fake
	end_server "$server"
	fake '{"on":"GET /v2/*/blobs/*","status":404}' \
	    '{"on":"GET http://*/blobs/*","status":307,"headers":{"Location":"http://near.example:$PORT/hidden"}}'
	# the user named the mirror, the registry did not
	export CHR_MIRRORS="far.invalid:5000 http://near.example:${host#*:}"
	run_like 6 "chr-pull: far.invalid:5000/a:latest: sha256:*: redirect to near.example:${host#*:} refused: 127.0.0.1 is a loopback address" \
	    near chr-pull -j 1 http://far.invalid:5000/a
	asked 'GET /v2/a/manifests' 1
	asked hidden 0
}

@test "an address that has expired is asked for again" {
	fake '{"on":"GET /v2/a/b/blobs/'"sha256:*"'","times":1,"status":307,"headers":{"Location":"/expired"}}' \
	    '{"on":"GET /expired","status":403}'
	pulls
	asked 'GET /expired' 1
	asked 'GET /v2/a/b/blobs' 4
}

# --- trying again ---

@test "429 with Retry-After, as seconds and as a date" {
	fake '{"on":"GET /v2/*","times":1,"status":429,"headers":{"Retry-After":"1"}}' \
	    '{"on":"GET /v2/*","times":1,"status":429,"headers":{"Retry-After":"$DATE+1"}}'
	SECONDS=0
	run_like 0 "*
$host: HTTP 429; trying again in 1.0 s
$host: HTTP 429; trying again in [01].[0-9] s
*" chr-pull -v "$host/a/b"
	[ "$SECONDS" -ge 1 ]
	asked 'manifests/latest' 3
}

@test "503 twice" {
	fake '{"on":"GET /v2/*","times":2,"status":503,"headers":{"Retry-After":"0"}}'
	run_like 0 "*
$host: HTTP 503; trying again in 0.0 s*" \
	    chr-pull -v "$host/a/b"
	asked 'manifests/latest' 3
}

@test "503 for ever" {
	fake '{"on":"* /v2/a/*","status":503,"headers":{"Retry-After":"0"}}' \
	    '{"on":"GET /v2/b/*/blobs/*","status":503,"headers":{"Retry-After":"0"}}'
	run_err 5 "chr-pull: $host/a/b:latest: $host: HTTP 503" \
	    chr-pull "$host/a/b"
	asked 'manifests/latest' 5
	run_like 5 "chr-pull: $host/b/b:latest: sha256:*: $host: HTTP 503" \
	    chr-pull -j 1 "$host/b/b"
	asked 'GET /v2/b/b/blobs' 5
}

@test "the Hub's quota is not tried again" {
	fake '{"on":"* /v2/a/*","status":429,"headers":{"ratelimit-limit":"100;w=21600","ratelimit-remaining":"0;w=21600","Retry-After":"3600"}}' \
	    '{"on":"* /v2/b/*","status":429,"body":"{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"You have reached your pull rate limit.\"}]}"}'
	run_like 5 "chr-pull: $host/a/b:latest: pull rate limit reached (100 in 6 h), try again after 20??-??-?? ??:?? UTC" \
	    chr-pull "$host/a/b"
	run_err 5 "chr-pull: $host/b/b:latest: pull rate limit reached: You have reached your pull rate limit." \
	    chr-pull "$host/b/b"
	asked . 2
}

@test "a server that wants too much patience" {
	fake '{"on":"* /v2/*","status":503,"headers":{"Retry-After":"86400"}}'
	run_err 5 "chr-pull: $host/a/b:latest: $host: HTTP 503" \
	    chr-pull "$host/a/b"
	asked . 1
}

@test "the connection closed after half the blob: the rest by Range" {
	fake '{"on":"GET /v2/*/blobs/*","skip":2,"times":1,"cut":100000}'
	run_err 0 "" chr-pull -j 1 "$host/a/b"
	asked 'blobs/.*range=bytes=100000-' 1
}

@test "the same, and the server does not know Range" {
	fake '{"on":"GET /v2/*/blobs/*","skip":2,"times":1,"cut":100000}' \
	    '{"on":"GET /v2/*/blobs/*","range":false}'
	run_err 0 "" chr-pull -j 1 "$host/a/b"
	asked 'blobs/.*range=bytes=100000-' 1
}

@test "206 with a wrong Content-Range: from the start" {
	local r

	for r in 'bytes 0-199/200' 'bytes 100000-200000/9' 'bytes */9' x; do
		rm -rf "$CHR_STORE" requests
		fake '{"on":"GET /v2/*/blobs/*","skip":2,"times":1,"cut":100000}' \
		    '{"on":"GET /v2/*/blobs/*","skip":2,"times":1,"headers":{"Content-Range":"'"$r"'"}}'
		run_err 0 "" chr-pull -j 1 "$host/a/b"
		asked 'range=bytes=100000-' 1
		asked 'GET /v2/a/b/blobs' 5
	done
}

@test "416: from the start" {
	fake '{"on":"GET /v2/*/blobs/*","skip":2,"times":1,"cut":100000}' \
	    '{"on":"GET /v2/*/blobs/*","skip":2,"times":1,"status":416}'
	run_err 0 "" chr-pull -j 1 "$host/a/b"
	asked 'GET /v2/a/b/blobs' 5
}

@test "a later run goes on where the first stopped" {
	fake '{"on":"GET /v2/*/blobs/'"*"'","skip":2,"times":1,"cut":100000}' \
	    '{"on":"GET /v2/*/blobs/*","skip":2,"times":1,"status":403}'
	run_like 4 "chr-pull: $host/a/b:latest: sha256:*: access denied" \
	    chr-pull -j 1 "$host/a/b"
	: >requests
	run_err 0 "" chr-pull -j 1 "$host/a/b"
	asked 'GET /v2/a/b/blobs' 1
	asked 'range=bytes=100000-' 1
}

@test "what an earlier run left was bad" {
	fake
	mkdir -m 700 "$CHR_STORE"
	mkdir -p "$CHR_STORE/blobs/sha256"
	: >"$CHR_STORE/oci-layout"
	printf 'something else' >"$CHR_STORE/blobs/sha256/.${layer#sha256:}.part"
	pulls
	asked "blobs/$layer range=bytes=14-" 1
	asked "blobs/$layer$" 1
}

@test "a body longer than its size" {
	fake '{"on":"GET /v2/a/*/blobs/*","extra":"more"}' \
	    '{"on":"GET /v2/b/*/blobs/*","extra":"more","length":false}'
	run_like 6 "chr-pull: $host/a/b:latest: sha256:*: reply is longer than its size, * bytes" \
	    chr-pull -j 1 "$host/a/b"
	run_like 6 "chr-pull: sha256:*: longer than its size, * bytes" \
	    chr-pull -j 1 "$host/b/b"
	[ -z "$(find "$CHR_STORE/blobs" -name '*.part')" ]
}

@test "a body shorter than its size" {
	fake '{"on":"GET /v2/*/blobs/*","status":200,"body":"short","range":false}'
	run_like 6 "chr-pull: $host/a/b:latest: sha256:*: reply ends after 5 of * bytes" \
	    chr-pull -j 1 "$host/a/b"
}

@test "the right size and the wrong digest" {
	fake
	printf x | dd of="img/blobs/sha256/${layer#sha256:}" seek=100 bs=1 \
	    conv=notrunc status=none
	run_like 6 "chr-pull: $layer: content has the digest sha256:*" \
	    chr-pull -j 1 "$host/a/b"
}

# small_disk SIZE: $CHR_STORE is on a disk of this size.
small_disk() {
	mkdir -p disk
	mount -t tmpfs -o "size=$1,mode=700" chr-test disk
	CHR_STORE=$T/disk/s
}

# parts: how many blobs are half there.
parts() {
	find "$CHR_STORE/blobs" -name '*.part' | wc -l
}

@test "blobs that cannot fit are not begun" {
	skip_unless_root
	fake
	small_disk 128k
	run_like 1 "chr-pull: $CHR_STORE: no space: the image needs [0-9]* bytes, [0-9]* are free" \
	    chr-pull -j 1 "$host/a/b"
	[ "$(grep -c /blobs/ requests)" = 0 ]
	[ "$(parts)" = 0 ]
	umount disk
	# this one says nothing of its size
	mount -t ramfs -o mode=700 chr-test disk
	run_ok chr-pull -q "$host/a/b"
	umount disk
}

@test "a thousand blobs of a PiB" {
	mkimage -f oci -n 1 img 'file a' >digest
	python3 - <<-'EOT'
		import hashlib, json
		top = json.load(open("img/index.json"))
		d = top["manifests"][0]
		m = json.load(open("img/blobs/sha256/" + d["digest"][7:]))
		m["config"]["size"] = 7
		m["layers"] = [dict(m["layers"][0], size=1 << 50,
		    digest="sha256:%064x" % i) for i in range(1024)]
		body = json.dumps(m).encode()
		d["digest"] = "sha256:" + hashlib.sha256(body).hexdigest()
		d["size"] = len(body)
		open("img/blobs/sha256/" + d["digest"][7:], "wb").write(body)
		json.dump(top, open("img/index.json", "w"))
	EOT
	fake
	run_like 1 "chr-pull: $CHR_STORE: no space: the image needs 1152921504606846983 bytes, [0-9]* are free" \
	    chr-pull "$host/a/b"
	[ "$(grep -c /blobs/ requests)" = 0 ]
}

@test "blobs that are listed twice, and half there, need no more than is missing" {
	skip_unless_root
	mkimage -f oci -n 1 -z none img 'zeros z 400000' 'zeros z 400000' \
	    'zeros z 400000' >digest
	fake
	small_disk 600k
	run_ok chr-pull -q "$host/a/b"
	rm -r "$CHR_STORE"/images/* "$CHR_STORE"/names/*
	blob=$CHR_STORE/blobs/sha256/${layer#*:}
	head -c 300000 "$blob" >half
	rm "$blob"
	cp half "${blob%/*}/.${blob##*/}.part"
	head -c 150000 /dev/zero >disk/fill
	run_ok chr-pull -q "$host/a/b"
	[ "$(grep -c "/blobs/$layer" requests)" = 2 ]
	grep -q "/blobs/$layer range=bytes=300000-" requests
	umount disk
}

@test "a disk that fills up under four transfers is said once; what is whole stays" {
	local digest great rules=()

	skip_unless_root
	mkimage -f oci -n 1 img "file a 644 small" "random b 150000" \
	    "random c 150000" "random d 150000" "random e 150000" >digest
	great=$(find img/blobs -size +100k -printf '%f ')
	for digest in $great; do
		rules+=('{"on":"GET */blobs/sha256:'"$digest"'","hold":"'"$T"'/go"}')
	done
	fake "${rules[@]}"
	small_disk 1500k
	chr-pull -q -j 4 "$host/a/b" >out 2>err 3>&- &
	pid=$!
	# the small layer is there and unpacked, all others are asked for
	wait_for sh -c '[ "$(grep -c /blobs/ requests)" = 6 ]'
	wait_for sh -c '[ -e "$CHR_STORE"/images/.[0-9a-f]*/root/a ]'
	head -c 2000000 /dev/zero >disk/fill || :
	: >go
	wait "$pid" && status=0 || status=$?
	[ "$status" = 1 ]
	[[ $(cat err) == "chr-pull: $CHR_STORE/"*": No space left on device" ]]
	[ "$(grep -c '' <err)" = 1 ]
	[ "$(parts)" = 0 ]
	[ -z "$(ls -A "$CHR_STORE/images")" ]
	# manifest, configuration, the small layer
	[ "$(ls "$CHR_STORE/blobs/sha256" | wc -l)" = 3 ]
	rm disk/fill
	run_ok chr-pull -q "$host/a/b"
	[ "$(grep -c /blobs/ requests)" = 10 ]
	umount disk
}

@test "a tree that fills the disk keeps no part of a blob" {
	skip_unless_root
	yes | tr -d '\n' | head -c 2000000 >text
	mkimage -f oci -n 1 img "host $T/text text" "random b 100000" >digest
	fake
	end_server "$server"
	fake '{"on":"GET */blobs/'"$layer"'","hold":"'"$T"'/go"}'
	small_disk 1M
	mkdir -p "$CHR_STORE"
	chmod 700 "$CHR_STORE"
	mkdir -m 700 "$CHR_STORE/images" "$CHR_STORE/names" "$CHR_STORE/roots" \
	    "$CHR_STORE/blobs" "$CHR_STORE/blobs/sha256"
	cp img/oci-layout "$CHR_STORE/"
	head -c 50000 "img/blobs/sha256/${layer#*:}" \
	    >"$CHR_STORE/blobs/sha256/.${layer#*:}.part"
	run_like 1 "chr-pull: $host/a/b:latest: layer *: text: No space left on device" \
	    chr-pull -q "$host/a/b"
	[ "$(parts)" = 0 ]
	[ "$(ls "$CHR_STORE/blobs/sha256" | wc -l)" = 3 ]
	umount disk
}

@test "a write that finds no space keeps no part of a blob" {
	local error

	need_faults
	mkimage -f oci -n 1 img "file a 644 small" "random b 2000000" >digest
	fake
	# the manifest, the configuration, a, and the second of b's
	for error in ENOSPC EDQUOT; do
		FAULT=blob_write:5:$error run_like 1 "chr-pull: $CHR_STORE/blobs/sha256/.${layer#*:}.part: *" \
		    chr-pull -q -j 1 "$host/a/b"
		[ "$(parts)" = 0 ]
		[ "$(ls "$CHR_STORE/blobs/sha256" | wc -l)" = 3 ]
		[ -z "$(ls -A "$CHR_STORE/images")" ]
		rm -r "$CHR_STORE"
	done
	FAULT=blob_write:5:EIO run_like 1 "chr-pull: *: Input/output error" \
	    chr-pull -q -j 1 "$host/a/b"
	[ "$(parts)" = 1 ]
	rm -r "$CHR_STORE"
	run_like 1 "chr-pull: $CHR_STORE/blobs/sha256/.${layer#*:}.part: File too large" \
	    bash -c 'trap "" XFSZ; ulimit -f 1000; exec chr-pull -q -j 1 "$1"' \
	    - "$host/a/b"
	[ "$(parts)" = 0 ]
	run_ok chr-pull -q "$host/a/b"
}

@test "a blob that does not come is given up, framing or not" {
	need_faults
	fake
	end_server "$server"
	fake '{"on":"GET /v2/z/*/blobs/'"$layer"'","status":404}' \
	    '{"on":"GET /v2/a/*/blobs/*","hold":"never"}' \
	    '{"on":"GET /v2/b/*/blobs/*","raw":"HTTP/1.1 200 OK\r\nX: ","drip":"x"}' \
	    '{"on":"GET /v2/c/*/blobs/*","raw":"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;","drip":"x"}' \
	    '{"on":"GET /v2/d/*/blobs/*","raw":"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n","drip":"1\r\nx\r\n"}'
	# all but the last layer comes here
	run_like 3 "*" chr-pull -j 1 "$host/z/x"
	export FAULT_PACE_MS=100
	for r in a b c d; do
		run_err 5 "chr-pull: $host/$r/x:latest: $layer: $host: less than 10000 bytes in 60 s" \
		    chr-pull "$host/$r/x"
		asked "GET /v2/$r/x/blobs/" 5
	done
}

# --- content ---

@test "a manifest of 5 MiB" {
	fake
	head -c 5242880 /dev/zero | tr '\0' ' ' >big
	end_server "$server"
	fake '{"on":"GET *","status":200,"file":"'"$T"'/big"}'
	run_err 6 "chr-pull: $host/a/b:latest: manifest is larger than 4194304 bytes" \
	    chr-pull "$host/a/b"
}

@test "a manifest of 4 MiB that needs hundreds in memory" {
	skip_if_sanitized
	mkimage -f oci -n 1 img 'file a' >digest
	{ printf '{"a":[' && yes '{},' | head -n 1000000 && echo '1]}'; } |
	    tr -d '\n' >big
	fake '{"on":"GET *","status":200,"file":"'"$T"'/big"}'
	run_err 6 "chr-pull: $host/a/b:latest: $host: manifest needs more than 12 MiB of memory" \
	    prlimit --cpu=10 "$FIXTURES/peak" peak chr-pull "$host/a/b"
	[ "$(cat peak)" -lt 32768 ] || fail "$(cat peak) KiB of memory"
	big=$(sha256sum <big)
	run_err 6 "chr-pull: $host/a/b: malformed manifest: needs more than 12 MiB of memory" \
	    chr-pull "$host/a/b@sha256:${big%% *}"
}

@test "a manifest that is not what the digest says" {
	fake '{"on":"GET /v2/a/b/manifests/*","status":200,"body":"{}"}'
	run_err 6 "chr-pull: $host/a/b@$manifest: content of the manifest has the digest sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" \
	    chr-pull "$host/a/b@$manifest"
}

@test "Docker-Content-Digest is only a hint" {
	fake '{"on":"GET /v2/a/b/manifests/*","headers":{"Docker-Content-Digest":"sha512:x"}}'
	pulls
}

@test "Content-Type text/plain, or none" {
	fake '{"on":"GET /v2/a/b/manifests/*","times":1,"headers":{"Content-Type":"text/plain"}}' \
	    '{"on":"GET /v2/a/b/manifests/*","headers":{"Content-Type":[]}}'
	pulls
	rm -r "$CHR_STORE"
	pulls
}

@test "replies that make no sense" {
	fake '{"on":"GET /v2/a/*","status":200,"body":""}' \
	    '{"on":"GET /v2/b/*","status":200,"headers":{"Content-Type":"text/html"},"body":"<html>\n<title>Log in</title>"}' \
	    '{"on":"* /v2/c/*","status":200,"body":"<html>"}'
	run_err 6 "chr-pull: $host/a/b:latest: $host: empty reply" \
	    chr-pull "$host/a/b"
	run_err 6 "chr-pull: $host/b/b:latest: $host: reply is no manifest: <html> <title>Log in</title>" \
	    chr-pull "$host/b/b"
	run_err 6 "chr-pull: $host/c/b:latest: $host: reply is no manifest: <html>" \
	    chr-pull -n "$host/c/b"
}

@test "an HTML page with terminal codes leaves the terminal clean" {
	fake '{"on":"* /v2/*","status":502,"headers":{"Retry-After":"0"},"body":"<html>\u001b[31m\u001b]0;x\u0007 gone"}'
	run_err 5 "chr-pull: $host/a/b:latest: $host: HTTP 502: <html>\\033[31m\\033]0;x\\007 gone" \
	    chr-pull "$host/a/b"
}

@test "Warning: 299 is shown once" {
	fake '{"on":"*","headers":{"Warning":"299 - \"this registry\u001b[1m closes\""}}'
	pulls "chr-pull: warning: $host: this registry\\033[1m closes"
}

@test "a manifest that is an index, too" {
	manifest_as 'm["manifests"] = []'
	fake
	run_like 6 "chr-pull: *" chr-pull "$host/a/b"
}

@test "a bad config digest, a diff_id too few" {
	manifest_as 'm["config"]["digest"] = m["layers"][0]["digest"]; m["config"]["size"] = m["layers"][0]["size"]'
	fake
	run_like 6 "chr-pull: *" chr-pull "$host/a/b"
	end_server "$server"
	manifest_as 'm["layers"].append(m["layers"][0])'
	fake
	run_like 6 "chr-pull: *" chr-pull "$host/a/b"
}

@test "a config too large is not fetched; a digest with two sizes" {
	manifest_as 'm["config"]["size"] = 4194305'
	fake
	run_err 6 "chr-pull: $host/a/b:latest: config $(config) is larger than 4 MiB" \
	    chr-pull "$host/a/b"
	asked 'GET /v2/a/b/blobs/' 0
	end_server "$server"
	manifest_as 'm["config"]["size"] = 7; m["layers"].append(dict(m["layers"][0], size=7))'
	fake
	run_err 6 "chr-pull: $host/a/b:latest: malformed: $layer with two sizes" \
	    chr-pull "$host/a/b"
	asked 'GET /v2/a/b/blobs/' 0
}

@test "an encrypted layer" {
	manifest_as 'm["layers"][0]["mediaType"] += "+encrypted"'
	fake
	run_like 6 "chr-pull: *" chr-pull "$host/a/b"
}

# index ENTRY...: an index of these entries, JSON objects.
index() {
	local IFS=,

	top '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":['"$*"']}'
}

entry() {
	printf '{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d%s}' \
	    "$(cat digest)" "$(stat -c %s "img/blobs/sha256/$(cut -c 8- digest)")" "${1-}"
}

@test "an index: unknown types, unknown platforms, none" {
	fake
	end_server "$server"
	index '{"mediaType":"application/x","digest":"sha256:'"$(printf %064d 1)"'","size":3}' \
	    "$(entry ',"platform":{"os":"unknown","architecture":"unknown"}' |
		sed 's/sha256:..../sha256:0000/')" "$(entry)"
	image=$manifest
	fake
	run_err 0 "" chr-pull "$host/a/b"
	[ "$output" = "$host/a/b@$image" ]
	run_err 0 "" chr-pull -n "$host/a/b"
	[ "$output" = "$host/a/b@$(cat digest)" ]
}

@test "an image for another platform is warned about, each time" {
	[ -d img ] || mkimage -f oci -n 1 -p linux/s390x img "file a" >digest
	fake
	local warning="warning: the image is for linux/s390x, not linux/arm/v6"

	for i in 1 2; do
		run_err 0 "chr-pull: $host/a/b:latest: $warning" \
		    chr-pull -p linux/arm/v6 "$host/a/b"
	done
	run_err 0 "chr-pull: $host/a/b: $warning" \
	    chr-pull -p linux/arm/v6 "$host/a/b@$manifest"
	run_err 0 "" chr-pull -n -p linux/arm/v6 "$host/a/b"
	run_err 0 "" chr-pull -p linux/s390x "$host/a/b@$manifest"
	for i in 1 2; do
		run_err 0 "chr-pull: docker.io/library/x:latest: $warning" \
		    chr-pull -p linux/arm/v6 -t x ./img
	done
}

@test "an image whose configuration names no platform" {
	mkimage -n a/b img.tar 'file a'
	sed 's/"os"/"xs"/g; s/"architecture"/"xrchitecture"/g' img.tar >any.tar
	run_ok chr-pull ./any.tar
	[ "$(cat "$CHR_STORE"/images/*/platform | tr -d '\0')" = / ]
	run_ok chr-pull -p linux/s390x ./any.tar
}

@test "an index in an index; in itself" {
	fake
	end_server "$server"
	index "$(entry)"
	inner=$(entry | sed s/manifest.v1/index.v1/)
	index "$inner"
	fake
	run_err 0 "" chr-pull "$host/a/b"
	end_server "$server"
	# a tag's index may name itself only by lying about the digest
	self=$(entry | sed s/manifest.v1/index.v1/)
	fake '{"on":"GET /v2/a/b/manifests/*","status":200,"body":"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":['"${self//\"/\\\"}"']}"}'
	run_like 6 "chr-pull: *" chr-pull "$host/a/c" "$host/a/b"
}

# --- layers from elsewhere ---

@test "a layer with urls comes from there, without credentials" {
	fake
	cdn=$host
	manifest_as 'm["layers"][1]["urls"] = ["http://'"$cdn"'/v2/x/blobs/" + m["layers"][1]["digest"]]'
	fake '{"on":"* /v2/*","auth":null,'"$challenge"'}'
	pulls
	asked "GET /v2/x/blobs/$layer$" 1
	asked "GET /v2/a/b/blobs/$layer" 0
}

@test "where urls lead nowhere the registry is asked" {
	fake
	end_server "$server"
	manifest_as 'm["layers"][1]["urls"] = ["http://127.0.0.1:1/x"]'
	fake
	pulls
	asked "GET /v2/a/b/blobs/$layer" 1
}

@test "urls of this machine from elsewhere are passed over" {
	manifest_as 'm["layers"][1]["urls"] = ["http://127.0.0.1:1/x"]'
	fake
	http_proxy=http://$host run_like 0 "*
http://127.0.0.1:1/x: 127.0.0.1:1 refused: 127.0.0.1 is a loopback address*" \
	    chr-pull -v http://far.invalid:5000/a/b
	asked "GET http://far.invalid:5000/v2/a/b/blobs/$layer" 1
}

# --- mirrors ---

@test "a mirror is asked first, with ns and its own credentials" {
	fake
	mirror=$host
	fake
	login "$HOME/.docker/config.json" user:pass
	export CHR_MIRRORS="# mirrors
$host http://$mirror
other.example https://elsewhere"
	mv requests before
	pulls
	asked "GET /v2/a/b/manifests/latest?ns=$host$" 1
	asked "GET /v2/a/b/blobs/.*?ns=$host$" 3
	asked . 4
}

@test "a mirror that fails gives way to the registry" {
	fake '{"on":"* /v2/a/*","status":500}' \
	    '{"on":"* /v2/b/*/blobs/*","status":404}' \
	    '{"on":"* /v2/c/*","status":200,"body":"<html>log in"}' \
	    '{"on":"* /v2/d/*/blobs/*","cut":50}'
	mirror=$host
	fake
	export CHR_MIRRORS="$host http://$mirror/"
	for r in a b c d; do
		rm -rf "$CHR_STORE"
		run_err 0 "" chr-pull "$host/$r/x"
	done
	CHR_MIRRORS="$host http://127.0.0.1:1"
	rm -rf "$CHR_STORE"
	run_err 0 "" chr-pull "$host/a/b"
	CHR_MIRRORS="$host"
	run_err 1 "chr-pull: CHR_MIRRORS: line 1: not of the form domain URL" \
	    chr-pull "$host/a/b"
}

@test "a mirror's wrong content is not the end" {
	fake '{"on":"GET /v2/a/b/blobs/*","status":200,"body":"something else"}' \
	    '{"on":"GET /v2/a/c/blobs/*","extra":"more"}'
	mirror=$host
	fake
	export CHR_MIRRORS="$host http://$mirror"
	run chr-pull "$host/a/b"
	[ "$status" = 0 ]
	rm -r "$CHR_STORE"
	run chr-pull "$host/a/c"
	[ "$status" = 0 ]
}

# root_made: the child has begun to unpack.
root_made() {
	[ -d "$(echo "$CHR_STORE"/images/.[0-9a-f]*/root)" ]
}

@test "a mirror that fails while a layer is unpacked" {
	fake
	end_server "$server"
	fake '{"on":"* /v2/*/blobs/'"$layer"'*","hold":"go","cut":50}'
	mirror=$host
	fake
	export CHR_MIRRORS="$host http://$mirror"
	(wait_for root_made && : >go) 3>&- &
	run_err 0 "" chr-pull "$host/a/b"
	wait "$!"
	asked "GET /v2/a/b/blobs/$layer range=bytes=50-" 1
}

# --- unpacking meanwhile ---

# writer_of PID: sets $child, once it is there, to what unpacks for this pull: a
# child of its child.
writer_of() {
	child=$(pgrep -P "$1") && child=$(pgrep -P "$child")
}

@test "what unpacks has none of the network's descriptors" {
	expect_leftovers
	fake
	end_server "$server"
	fake '{"on":"GET /v2/*/blobs/'"$layer"'","hold":"never"}'
	chr-pull "$host/a/b" 2>err 3>&- &
	pull=$!
	wait_for writer_of "$pull"
	wait_for grep -q "blobs/$layer" requests
	wait_for root_made
	ls -l "/proc/$child/fd" >open
	kill "$pull"
	wait "$pull" || :
	wait_for test ! -e "/proc/$child"
	run ! grep -e socket: -e '\.part' -e /tests/ open
	expect_leftovers
}

@test "a layer that is refused ends the pull at once" {
	need python3
	python3 -c 'import tarfile
t = tarfile.open("bad.tar", "w"); t.addfile(tarfile.TarInfo("../x"))'
	mkimage -f oci -n 1 img bad.tar "file a 644 small" >digest
	fake
	end_server "$server"
	fake '{"on":"GET /v2/*/blobs/'"$layer"'","hold":"never"}'
	run_err 6 "chr-pull: $host/a/b:latest: layer $(layers | head -n 1): ../x: leads out of the root" \
	    chr-pull "$host/a/b"
}

@test "what unpacks says which image it was, when it is killed" {
	fake
	end_server "$server"
	fake '{"on":"GET /v2/*/blobs/'"$layer"'","hold":"never"}'
	chr-pull "$host/a/b" 2>err 3>&- &
	pull=$!
	wait_for writer_of "$pull"
	kill -9 "$child"
	status=0
	wait "$pull" || status=$?
	[ "$status" = 1 ]
	[ "$(cat err)" = "chr-pull: $host/a/b:latest: unpacking ended by signal 9" ]
}

# --- the rest ---

# blob_lines WHAT: the -v lines for the blobs of the image.
blob_lines() {
	python3 - "$manifest" "$1" <<-'EOT'
		import json, sys
		with open("img/blobs/sha256/" + sys.argv[1][7:]) as f:
		    m = json.load(f)
		for d in [m["config"]] + m["layers"]:
		    print("%s: %d bytes: %s" % (d["digest"], d["size"], sys.argv[2]))
	EOT
}

@test "-v: a line for each manifest asked for, and for each blob" {
	fake
	run_err 0 "$host/a/b:latest: asking http://$host
$(blob_lines fetching)" chr-pull -v "$host/a/b"
	run_err 0 "$host/a/b:latest: asking http://$host" \
	    chr-pull -v "$host/a/b"
	run_err 0 "$host/a/b@$manifest: asking http://$host
$(blob_lines 'in the store already')" chr-pull -vV "$host/a/b@$manifest"
	run_err 0 "$host/a/b:7: asking http://$host" chr-pull -nv "$host/a/b:7"
	rm -r "$CHR_STORE"
	CHR_MIRRORS="$host http://127.0.0.1:1" run_err 0 \
	    "$host/a/b:latest: asking http://127.0.0.1:1
mirror http://127.0.0.1:1: cannot reach 127.0.0.1:1: Connection refused
$host/a/b:latest: asking http://$host
$(blob_lines fetching)" chr-pull -v "$host/a/b"
}

@test "-v: the blobs of archives" {
	fake
	run_err 0 "$(blob_lines fetching)" chr-pull -v -t x ./img
	rm -r "$CHR_STORE/images/"*
	run_err 0 "$(blob_lines 'in the store already')" \
	    chr-pull -v -t x ./img
	# a layer twice is fetched once
	mkimage -n a/b twice.tar 'file a' 'file b' 'file a'
	run_like 0 'sha256:*: fetching
sha256:*: fetching
sha256:*: fetching' chr-pull -v ./twice.tar
	[ "${#stderr_lines[@]}" = 3 ]
}

@test "a proxy, but not for loopback" {
	fake
	export http_proxy=http://$host all_proxy=http://127.0.0.1:1
	run_err 0 "" chr-pull -n http://r.invalid:5000/a/b
	asked 'HEAD http://r.invalid:5000/v2/a/b/manifests/latest' 1
	http_proxy=http://127.0.0.1:1
	run_err 0 "" chr-pull -n "$host/a/b"
}

@test "a proxy's password goes to the proxy, not into a message" {
	for proxy in 'http://user:hidden@[bad' foo://user:hidden@127.0.0.1:1 \
	    http://user:hidden@127.0.0.1:99999 user:hidden@h:x; do
		https_proxy=$proxy run_err 1 \
		    "chr-pull: r.invalid/a/b:latest: https_proxy: not the address of a proxy" \
		    chr-pull -n r.invalid/a/b
	done
	all_proxy=socks5h://user:hidden@127.0.0.1:1 run_like 5 \
	    "chr-pull: r.invalid/a/b:latest: cannot reach r.invalid: Connection refused" \
	    chr-pull -n r.invalid/a/b
	fake '{"on":"CONNECT *","status":407}'
	run_err 0 "" env "http_proxy=http://us%3aer:hid%2fden@$host" \
	    chr-pull -n http://r.invalid/a/b
	asked "proxy=Basic $(printf 'us:er:hid/den' | base64)" 1
	run_like 5 "chr-pull: r.invalid/a/b:latest: *407*" \
	    env "https_proxy=user:hidden@$host" chr-pull -n r.invalid/a/b
	[[ $stderr != *hidden* ]]
	asked "proxy=Basic $(printf user:hidden | base64)" 2
}

@test "after http:// the first part is the host, and never docker.io" {
	fake
	export http_proxy=http://$host https_proxy=http://127.0.0.1:1
	run_err 0 "" chr-pull -n http://library/a/b
	[ "$output" = "library:80/a/b@$manifest" ]
	[ "$(cat requests)" = "HEAD http://library/v2/a/b/manifests/latest" ]
	: >requests
	for operand in http://redis http://redis:7 http://localhost \
	    http://localhost:5000; do
		run_err 2 "chr-pull: $operand: no repository after the host" \
		    chr-pull -n "$operand"
	done
	for operand in http://docker.io/library/redis http://Docker.io:80/x \
	    http://registry-1.docker.io/library/redis; do
		run_err 2 "chr-pull: $operand: docker.io has TLS: leave out http://" \
		    chr-pull -n "$operand"
	done
	asked . 0
}

@test "a repository name too long for a file name is refused at once" {
	fake
	long=$(printf 'a%.0s' {1..183})
	run_err 0 "" chr-pull "$host/$long"
	: >requests
	run_err 2 "chr-pull: $host/a$long: last part of the repository name is longer than 183 bytes" \
	    chr-pull "$host/a$long"
	asked . 0
}

@test "every request says who asks and what for" {
	need python3
	python3 -c '
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(1)
c = s.accept()[0]
open("request", "wb").write(c.recv(65536))
c.sendall(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
c.close(); c = s.accept()[0]; c.recv(65536)
c.sendall(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
' 3>&- &
	server=$!
	server_pids+=" $server"
	host=127.0.0.1:$(port_of "$server")
	run_err 3 "chr-pull: $host/a:latest: not found" chr-pull -n "$host/a"
	tr -d '\r' <request >lines
	grep -qx 'User-Agent: chr/[0-9.]*' lines
	grep -qx 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' lines
	run grep -ci '^accept-encoding\|^authorization\|^cookie' lines
	[ "$output" = 0 ]
}

@test "Content-Encoding is left alone" {
	fake '{"on":"GET /v2/*/blobs/*","headers":{"Content-Encoding":"x-gzip"}}'
	pulls
}

@test "a header that is too large" {
	fake '{"on":"* /v2/a/*","headers":{"X":"$FILL+102400"}}' \
	    '{"on":"* /v2/b/*/blobs/*","headers":{"X":["$FILL+70000","$FILL+70000"]}}'
	run_err 6 "chr-pull: $host/a/b:latest: $host: header of the reply is too large" \
	    chr-pull "$host/a/b"
	run_err 6 "chr-pull: $host/a/b:latest: $host: header of the reply is too large" \
	    chr-pull -n "$host/a/b"
	run_like 6 "chr-pull: $host/b/b:latest: sha256:*: $host: header of the reply is too large" \
	    chr-pull -j 1 "$host/b/b"
}

@test "a body is taken as it is, or in chunks" {
	# gzip of two letters
	fake '{"on":"* /v2/a/*","raw":"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n\u001f\u008b\b\u0000\u0000\u0000\u0000\u0000\u0002\u0003\u00abN\u0000\u0000"}' \
	    '{"on":"* /v2/b/*","raw":"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"}' \
	    '{"on":"* /v2/c/*","raw":"HTTP/1.1 200 OK\r\ntransfer-encoding:\tChunked \r\n\r\n2;x\r\n{}\r\n0\r\n\r\n"}'
	for r in a b; do
		run_err 6 "chr-pull: $host/$r/b:latest: $host: a Transfer-Encoding other than chunked" \
		    chr-pull "$host/$r/b"
	done
	run_err 6 "chr-pull: $host/c/b:latest: not a manifest: schemaVersion is not 2" \
	    chr-pull "$host/c/b"
}

@test "a server that talks no HTTP" {
	fake '{"on":"*","raw":"SSH-2.0-x\r\n"}'
	run_like 5 "chr-pull: $host/a/b:latest: $host: *" \
	    chr-pull "$host/a/b"
}

both_asked() {
	[ "$(grep -c 'GET /v2/a/b/manifests/latest' requests)" = 2 ]
}

@test "two pulls of one image at once" {
	fake '{"on":"GET /v2/*/blobs/*","hold":"go"}'
	chr-pull "$host/a/b" >one 2>err.one 3>&- &
	one=$!
	chr-pull "$host/a/b" >two 2>err.two 3>&- &
	wait_for both_asked
	wait_for grep -q "GET /v2/a/b/blobs/" requests
	: >go
	wait "$one"
	wait "$!"
	[ "$(cat one)" = "$host/a/b@$manifest" ]
	[ "$(cat one)" = "$(cat two)" ]
	[ -z "$(cat err.one err.two)" ]
	asked "GET /v2/a/b/blobs/$layer" 1
}

# says N TEXT FILE: N lines of the file have it.
says() {
	[ "$(grep -c "$2" "$3")" = "$1" ]
}

@test "who waits for another process says so, once, where somebody watches" {
	fake
	first=$manifest
	end_server "$server"
	# another image of the same blobs
	manifest_as 'm["annotations"] = {"a": "b"}'
	fake '{"on":"GET /v2/*/blobs/'"$layer"'","hold":"go"}'
	chr-pull "$host/a/b@$first" 2>err.first 3>&- &
	pids=$!
	wait_for grep -q "blobs/$layer" requests
	wait="$layer: waiting for another process that fetches it"
	chr-pull -v "$host/a/c" >/dev/null 2>err.layer 3>&- &
	pids+=" $!"
	wait_for grep -qxF "$wait" err.layer
	image="image ${first#sha256:}: waiting for another process that has it"
	chr-pull -v "$host/a/b@$first" >/dev/null 2>err.image 3>&- &
	pids+=" $!"
	wait_for grep -qxF "$image" err.image
	"$FIXTURES/on_tty" chr-pull -q "$host/a/b@$first" >seen 3>&- &
	pids+=" $!"
	wait_for grep -qF "$image" seen
	chr-pull "$host/a/b@$first" 2>err.quiet >/dev/null 3>&- &
	pids+=" $!"
	: >go
	for pid in $pids; do
		wait "$pid"
	done
	says 1 "$wait" err.layer
	says 1 "$image" err.image
	[ ! -s err.quiet ] && [ ! -s err.first ]
	asked "GET /v2/.*/blobs/$layer" 1
}

@test "a layer twice in an image is fetched once" {
	mkimage -f oci -n 1 img "file a 644 x" "file b 644 y" "file a 644 x" \
	    >digest
	fake
	pulls
	asked 'GET /v2/a/b/blobs' 3
}

@test "the progress line" {
	fake '{"on":"GET /v2/*/blobs/*","hold":"go"}'
	"$FIXTURES/on_tty" chr-pull "$host/a/b" >seen 3>&- &
	wait_for grep -q ' layers ' seen
	: >go
	wait "$!"
	output=$(cat seen)
	[[ $output == *"$host/a/b:latest  "*" of "*"  layers "*/3* ]]
	[[ $output == *$'\r\e[K'* ]]
	rm -r "$CHR_STORE"
	run on_tty chr-pull -q "$host/a/b"
	[[ $output != *layers* ]]
}
