#!/usr/bin/env bats
# See LICENSE.
# chr-pull against the registry that everybody runs: a certificate authority of
# one's own, passwords, tokens.

load helper

setup() {
	helper_setup
	need docker-registry skopeo openssl python3
	mkimage -f oci -n 1 img "file a 644 small" "file b 644 more" >digest
}

# certificate NAME: an authority ca.crt, and NAME.crt with NAME.key of it for
# 127.0.0.1 and localhost.
certificate() {
	[ -f ca.key ] || openssl req -x509 -newkey ec \
	    -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
	    -subj "/CN=test authority" -keyout ca.key -out ca.crt 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
	    -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
	echo 'subjectAltName=IP:127.0.0.1,DNS:localhost' >"$1.ext"
	openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key \
	    -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
}

# registry [LINE...]: docker-registry with these lines of configuration; it is
# $host, and serves what was pushed.
registry() {
	mkdir -p data
	{
		cat <<-EOT
			version: 0.1
			log: {level: warn, accesslog: {disabled: true}}
			storage: {filesystem: {rootdirectory: "$T/data"}}
		EOT
		printf '%s\n' "$@"
	} >registry.yml
	serve registry.log docker-registry serve registry.yml
	host=127.0.0.1:$(port_of "$server")
}

# Fills the directory of a registry that lets everybody in.
push() {
	registry 'http: {addr: "127.0.0.1:0"}'
	skopeo copy -q --dest-tls-verify=false oci:img \
	    "docker://$host/a/b:1"
	end_server "$server"
}

pulls() {
	run_err 0 "" chr-pull "$host/a/b:1"
	[ "$output" = "$host/a/b@$(cat digest)" ]
}

tls() {
	certificate server
	registry "http: {addr: '127.0.0.1:0', tls: {certificate: $T/server.crt,
  key: $T/server.key $1}}"
}

certs_d() {
	certs=$HOME/.config/containers/certs.d/$host
	mkdir -p "$certs"
}

@test "plain http on the loopback interface" {
	push
	registry 'http: {addr: "127.0.0.1:0"}'
	pulls
	host=localhost:${host#*:}
	pulls
	run_err 3 "chr-pull: $host/a/nope:latest: not found: manifest unknown" \
	    chr-pull "$host/a/nope"
}

@test "TLS with an authority of one's own" {
	push
	tls
	run_like 5 "chr-pull: $host/a/b:1: $host: SSL certificate problem: *" \
	    chr-pull "$host/a/b:1"
	certs_d
	cp ca.crt "$certs/"
	pulls
	rm -r "$HOME/.config" "$CHR_STORE"
	SSL_CERT_FILE=$T/ca.crt pulls
	rm -r "$CHR_STORE"
	# another server's authority is of no use here
	mkdir -p "$HOME/.config/containers/certs.d/other"
	cp ca.crt "$HOME/.config/containers/certs.d/other"
	run_like 5 "chr-pull: $host/a/b:1: $host: SSL certificate problem: *" \
	    chr-pull "$host/a/b:1"
}

@test "certificates for a port, though it is the usual one" {
	for d in localhost:443 localhost; do
		certs=$HOME/.config/containers/certs.d/$d
		mkdir -p "$certs"
		ln -s nowhere "$certs/x.crt"
		run_err 1 "chr-pull: localhost:443/a/b:1: $certs/x.crt: No such file or directory" \
		    chr-pull "localhost:443/a/b:1"
		rm -r "$certs"
	done
	mkdir -p "$certs"
	ln -s nowhere "$certs/x.crt"
	run_like 5 "chr-pull: localhost:1/a/b:1: cannot reach localhost:1: *" \
	    chr-pull "localhost:1/a/b:1"
}

@test "a certificate of the client" {
	push
	certificate client
	tls ", clientcas: [$T/ca.crt]"
	certs_d
	cp ca.crt "$certs/"
	run_like 5 "chr-pull: $host/a/b:1: *" chr-pull "$host/a/b:1"
	cp client.crt "$certs/client.cert"
	cp client.key "$certs/client.key"
	pulls
	: >"$certs/client.key"
	run_like 1 "chr-pull: $host/a/b:1: $host: *" chr-pull "$host/a/b:1"
}

@test "plain http is not spoken to a server with a name" {
	push
	registry 'http: {addr: "127.0.0.1:0"}'
	http_proxy=http://$host run_like 5 "chr-pull: r.invalid/a/b:1: *" \
	    chr-pull r.invalid/a/b:1
}

@test "a name that begins like a loopback address is a name" {
	push
	registry 'http: {addr: "127.0.0.1:0"}'
	# by TLS, and through the proxy, which is none
	https_proxy=http://$host run_like 5 \
	    "chr-pull: 127.0.0.1.invalid/a/b:1: 127.0.0.1.invalid: *CONNECT*" \
	    chr-pull 127.0.0.1.invalid/a/b:1
}

@test "a redirect from TLS to plain http is refused" {
	certificate server
	fake_registry -c server.crt -k server.key img \
	    '{"on":"GET /v2/*/blobs/*","status":307,"headers":{"Location":
	    "http://127.0.0.1:1/x"}}'
	certs_d
	cp ca.crt "$certs/"
	run_like 5 "chr-pull: $host/a/b:1: sha256:*: redirect from https to http refused" \
	    chr-pull -j 1 "$host/a/b:1"
}

@test "urls without TLS from a registry with TLS are passed over" {
	certificate server
	python3 - "$(cat digest)" <<-'EOT'
		import hashlib, json, sys
		blobs = "img/blobs/sha256/"
		with open(blobs + sys.argv[1][7:]) as f:
		    m = json.load(f)
		m["layers"][0]["urls"] = ["http://127.0.0.1:1/x"]
		text = json.dumps(m).encode()
		name = hashlib.sha256(text).hexdigest()
		with open(blobs + name, "wb") as f:
		    f.write(text)
		with open("img/index.json") as f:
		    index = json.load(f)
		index["manifests"][0].update(digest="sha256:" + name, size=len(text))
		with open("img/index.json", "w") as f:
		    json.dump(index, f)
	EOT
	fake_registry -c server.crt -k server.key img
	certs_d
	cp ca.crt "$certs/"
	run_like 0 "*
http://127.0.0.1:1/x: 127.0.0.1:1 refused: plain http
*" chr-pull -v "$host/a/b:1"
}

@test "no core file has the password" {
	skip_if_sanitized
	fake_registry img '{"on":"*","hold":"never"}'
	ulimit -c unlimited
	chr-pull "$host/a/b:1" 2>err 3>&- &
	pull=$!
	wait_for grep -q GET requests
	grep -q 'Max core file size *0  *0 ' /proc/$pull/limits
	kill -ABRT "$pull"
	status=0
	wait "$pull" || status=$?
	[ "$status" = 134 ]
	[ -z "$(ls core* 2>/dev/null)" ]
}

@test "a password" {
	push
	need htpasswd
	htpasswd -Bbn -C 4 alice 'se:cret' >users
	registry 'http: {addr: "127.0.0.1:0"}' \
	    "auth: {htpasswd: {realm: 'a \"realm\"', path: $T/users}}"
	run_err 4 "chr-pull: $host/a/b:1: not found or no access: authentication required" \
	    chr-pull "$host/a/b:1"
	mkdir "$HOME/.docker"
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$host" \
	    "$(printf %s alice:wrong | base64)" >"$HOME/.docker/config.json"
	run_err 4 "chr-pull: $host/a/b:1: not found or no access: authentication required" \
	    chr-pull "$host/a/b:1"
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$host" \
	    "$(printf %s alice:se:cret | base64)" >"$HOME/.docker/config.json"
	pulls
}

@test "tokens, signed" {
	push
	certificate token
	serve "$T/token.log" "$TOP/tests/token-server" token.crt token.key \
	    alice:secret
	tokens=localhost:$(port_of "$server")
	registry 'http: {addr: "127.0.0.1:0"}' "auth: {token: {
  realm: 'http://$tokens/token', service: 's', issuer: 'test',
  rootcertbundle: $T/ca.crt}}"
	run_like 4 "chr-pull: $host/a/b:1: not found or no access: *" \
	    chr-pull "$host/a/b:1"
	mkdir "$HOME/.docker"
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$host" \
	    "$(printf %s alice:wrong | base64)" >"$HOME/.docker/config.json"
	run_err 4 "chr-pull: $host/a/b:1: not found or no access: token server $tokens says HTTP 401: wrong password" \
	    chr-pull "$host/a/b:1"
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$host" \
	    "$(printf %s alice:secret | base64)" >"$HOME/.docker/config.json"
	pulls
	[ "$(grep -c 'token?account=alice' token.log)" = 2 ]
}
