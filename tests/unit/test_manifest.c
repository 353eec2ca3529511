/* See LICENSE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fdio.h"
#include "manifest.h"
#include "msg.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX63 "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D(type)                                                  \
	"{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX64 \
	"\",\"size\":7}"
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define CONFIG "\"config\":" D(OCI "config.v1+json")
#define CONFIG_OF(size)                                                   \
	"\"config\":{\"mediaType\":\"" OCI "config.v1+json\",\"digest\":" \
	"\"sha256:a" HEX63 "\",\"size\":" size "}"
#define LAYERS "\"layers\":[" D(OCI "layer.v1.tar+gzip") "]"

static int
parse(const char *body, const char *type, struct manifest **m)
{
	return manifest_parse("x", body, strlen(body), type, m);
}

static void
image_kinds(void **state)
{
	struct manifest *m;

	(void)state;
	assert_int_equal(
	    parse("{\"schemaVersion\":2," CONFIG "," LAYERS "}", NULL, &m), 0);
	assert_false(m->is_index);
	assert_int_equal(m->nlayers, 1);
	assert_int_equal(m->layers[0].size, 7);
	assert_string_equal(m->mediatype, OCI "manifest.v1+json");
	manifest_free(m);
	assert_int_equal(
	    parse("{\"schemaVersion\":2,\"config\":" D(
		      DOCKER "container.image.v1+json") ",\"layers\":[" D(DOCKER
		      "image.rootfs.diff.tar.gzip") "]}",
		DOCKER "distribution.manifest.v2+json; charset=utf-8", &m),
	    0);
	assert_string_equal(
	    m->mediatype, DOCKER "distribution.manifest.v2+json");
	manifest_free(m);
	assert_int_equal(parse("{\"schemaVersion\":2," CONFIG "," LAYERS "}",
			     "text/plain", &m),
	    0);
	manifest_free(m);
}

static void
refused(void **state)
{
	static const struct {
		const char *body, *type;
	} bad[] = {
	    {"", NULL},
	    {"[]", NULL},
	    {"null", NULL},
	    {"<html>", NULL},
	    {"{\"schemaVersion\":1,\"fsLayers\":[]}", NULL},
	    {"{\"schemaVersion\":2}", NULL},
	    {"{" CONFIG "," LAYERS "}", NULL},
	    {"{\"schemaVersion\":2," CONFIG "," LAYERS ",\"manifests\":[]}",
		NULL},
	    {"{\"schemaVersion\":2," CONFIG "," LAYERS "}",
		OCI "index.v1+json"},
	    {"{\"schemaVersion\":2,\"mediaType\":\"" OCI
	     "manifest.v1+json\"," CONFIG "," LAYERS "}",
		DOCKER "distribution.manifest.v2+json"},
	    {"{\"schemaVersion\":2," CONFIG "}", NULL},
	    {"{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", NULL},
	    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[7]}", NULL},
	    {"{\"schemaVersion\":2," CONFIG
	     ",\"layers\":[" D(OCI "layer.v1.tar+gzip+encrypted") "]}",
		NULL},
	    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" D("text/html") "]}",
		NULL},
	    {"{\"schemaVersion\":2,\"config\":" D(
		 "application/vnd.cncf.helm.config.v1+json") "," LAYERS "}",
		NULL},
	    {"{\"schemaVersion\":2,\"config\":" D(
		 "application/vnd.oci.empty.v1+json") "," LAYERS "}",
		NULL},
	    {"{\"schemaVersion\":2,\"artifactType\":\"a/b\"," CONFIG "," LAYERS
	     "}",
		NULL},
	    {"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI
	     "config.v1+json\",\"digest\":\"sha256:../../x\","
	     "\"size\":1}," LAYERS "}",
		NULL},
	    {"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI
	     "config.v1+json\",\"digest\":\"sha256:" HEX64
	     "\",\"size\":-1}," LAYERS "}",
		NULL},
	    {"{\"schemaVersion\":2,\"schemaVersion\":2," CONFIG "," LAYERS "}",
		NULL},
	    {"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" OCI
	     "config.v1+json\",\"digest\":\"sha256:" HEX64
	     "\",\"size\":8}," LAYERS "}",
		NULL},
	    {"{\"schemaVersion\":2," CONFIG_OF("4194305") ",\"layers\":[]}",
		NULL},
	    {"{\"schemaVersion\":2," CONFIG_OF("7") ",\"layers\":[" D(
		 OCI "layer.v1.tar") ",{\"mediaType\":\"" OCI
				     "layer.v1.tar\",\"digest\":\"sha256:" HEX64
				     "\",\"size\":9}]}",
		NULL},
	};
	struct manifest *m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i].body, bad[i].type, &m) != ST_REFUSED)
			fail_msg("accepted: %s", bad[i].body);
		assert_null(m);
	}
}

#define ENTRY(arch, extra)                                               \
	"{\"mediaType\":\"" OCI                                          \
	"manifest.v1+json\",\"digest\":\"sha256:" HEX64                  \
	"\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":" \
	"\"" arch "\"" extra "}}"

static void
choice(void **state)
{
	static const char body[] = "{\"schemaVersion\":2,\"manifests\":[" ENTRY(
	    "386", "") "," ENTRY("arm",
	    ",\"variant\":\"v7\"") "," ENTRY("unknown", "") "," ENTRY("amd64",
	    "") "," ENTRY("amd64",
	    ",\"variant\":\"v3\"") ","
				   "{\"mediaType\":\"x/y\",\"digest\":"
				   "\"sha256:" HEX64 "\",\"size\":1}]}";
	const struct manifest_entry *e;
	struct platform p;
	struct manifest *m;

	(void)state;
	assert_int_equal(parse(body, OCI "index.v1+json", &m), 0);
	assert_true(m->is_index);
	assert_int_equal(m->nentries, 5);
	platform_set(&p, "linux", "amd64", "");
	e = manifest_choose(m, &p);
	assert_ptr_equal(e, &m->entries[3]);
	platform_set(&p, "linux", "amd64", "v3");
	assert_ptr_equal(manifest_choose(m, &p), &m->entries[4]);
	platform_set(&p, "linux", "arm64", "");
	assert_ptr_equal(manifest_choose(m, &p), &m->entries[1]);
	platform_set(&p, "linux", "s390x", "");
	assert_null(manifest_choose(m, &p));
	assert_int_equal(manifest_no_platform("x", m, &p), ST_NOTFOUND);
	manifest_free(m);
}

static void
sizes(void **state)
{
	struct manifest *m;

	(void)state;
	assert_int_equal(
	    parse("{\"schemaVersion\":2," CONFIG_OF(
		      "4194304") ","
				 "\"layers\":[" D(OCI "layer.v1.tar") "," D(
				     OCI "layer.v1.tar+gzip") "]}",
		NULL, &m),
	    0);
	assert_int_equal(m->nlayers, 2);
	manifest_free(m);
}

/* An array of so many values in a manifest of an image. */
static int
parse_many(const char *value, size_t n, struct manifest **m)
{
	struct buf b = {0};
	int rc;

	assert_int_equal(
	    buf_addstr(&b, "{\"schemaVersion\":2," CONFIG ",\"layers\":["), 0);
	while (n-- > 0) {
		assert_int_equal(buf_addstr(&b, value), 0);
		assert_int_equal(buf_addstr(&b, n > 0 ? "," : "]}"), 0);
	}
	assert_in_range(b.len, 1, MANIFEST_SIZE_MAX);
	rc = parse(b.data, NULL, m);
	buf_free(&b);
	return rc;
}

#define NOTES                                                     \
	"{\"mediaType\":\"" OCI "layer.v1.tar+gzip\",\"digest\":" \
	"\"sha256:" HEX64 "\",\"size\":7,\"annotations\":{"       \
	"\"a\":\"" HEX64 "\",\"b\":\"" HEX64 "\","                \
	"\"c\":\"" HEX64 "\",\"d\":\"" HEX64 "\"}}"

static void
memory(void **state)
{
	struct manifest *m;

	(void)state;
	assert_int_equal(parse_many(NOTES, MANIFEST_LAYERS_MAX, &m), 0);
	assert_int_equal(m->nlayers, MANIFEST_LAYERS_MAX);
	manifest_free(m);
	assert_int_equal(parse_many("{}", 1300000, &m), ST_REFUSED);
	/* what was spent for one is there again for the next */
	assert_int_equal(parse_many(NOTES, MANIFEST_LAYERS_MAX, &m), 0);
	manifest_free(m);
}

static int
config(const char *body, struct image_config **c)
{
	return image_config_parse("x", body, strlen(body), c);
}

#define ROOTFS \
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX64 "\"]}"

static void
configs(void **state)
{
	struct image_config *c;

	(void)state;
	assert_int_equal(
	    config("{\"os\":\"linux\",\"architecture\":\"amd64\"," ROOTFS
		   ",\"config\":{\"Env\":[\"A=1\",\"B=\"],\"Cmd\":"
		   "null,\"Entrypoint\":\"sh\",\"User\":\"redis\","
		   "\"Volumes\":{\"/data\":{}},\"Labels\":{\"a\":"
		   "\"b\"},\"WorkingDir\":\"/data\"}}",
		&c),
	    0);
	assert_string_equal(c->env[1], "B=");
	assert_null(c->env[2]);
	assert_null(c->cmd[0]);
	assert_string_equal(c->entrypoint[0], "sh");
	assert_null(c->entrypoint[1]);
	assert_string_equal(c->user, "redis");
	assert_string_equal(c->workdir, "/data");
	assert_string_equal(c->stopsignal, "");
	assert_string_equal(c->volumes[0], "/data");
	assert_string_equal(c->labels[0], "a=b");
	assert_int_equal(c->ndiffids, 1);
	image_config_free(c);
	assert_int_equal(config("{" ROOTFS "}", &c), 0);
	assert_null(c->cmd[0]);
	image_config_free(c);
}

static void
bad_configs(void **state)
{
	static const char *const bad[] = {"", "[]", "{}",
	    "{\"rootfs\":{\"type\":\"x\",\"diff_ids\":[]}}",
	    "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"a\"]}}",
	    "{" ROOTFS ",\"config\":7}",
	    "{" ROOTFS ",\"config\":{\"Cmd\":[1]}}",
	    "{" ROOTFS ",\"config\":{\"Cmd\":{}}}",
	    "{" ROOTFS ",\"config\":{\"User\":5}}",
	    "{" ROOTFS ",\"config\":{\"Env\":[\"a\\u0000b\"]}}"};
	struct image_config *c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (config(bad[i], &c) != ST_REFUSED)
			fail_msg("accepted: %s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(image_kinds),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(memory),
	    cmocka_unit_test(choice),
	    cmocka_unit_test(configs),
	    cmocka_unit_test(bad_configs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
