/*
 * The floor: the ioctl alone. Reads requests from standard input, one a line, and answers each with the nanoseconds that
 * its ioctls took, so that neither the start of this process nor the pipe is counted.
 *
 *   usage: snapshot DIRECTORY VOLUME
 *   c NAME       makes a read-only snapshot of DIRECTORY/VOLUME called NAME
 *   x NAME OLD   the same, then destroys the subvolume OLD
 *   d OLD        destroys it
 *   s            writes the file system out
 *   g            writes all file systems out
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_directory(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	return fd;
}

static void create(int directory, int volume, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = volume, .flags = BTRFS_SUBVOL_RDONLY };
	snprintf(args.name, sizeof args.name, "%s", name);
	if (ioctl(directory, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0)
		fail("BTRFS_IOC_SNAP_CREATE_V2");
}

static void destroy(int directory, const char *name)
{
	struct btrfs_ioctl_vol_args args = { 0 };
	snprintf(args.name, sizeof args.name, "%s", name);
	if (ioctl(directory, BTRFS_IOC_SNAP_DESTROY, &args) < 0)
		fail("BTRFS_IOC_SNAP_DESTROY");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	int directory = open_directory(AT_FDCWD, argv[1]);
	int volume = open_directory(directory, argv[2]);
	char line[1024];
	while (fgets(line, sizeof line, stdin)) {
		char kind, name[256], old[256];
		int fields = sscanf(line, "%c %255s %255s", &kind, name, old);
		int64_t start = now();
		if (kind == 's' && fields == 1) {
			if (syncfs(directory) < 0)
				fail("syncfs");
		} else if (kind == 'c' && fields == 2) {
			create(directory, volume, name);
		} else if (kind == 'x' && fields == 3) {
			create(directory, volume, name);
			destroy(directory, old);
		} else if (kind == 'd' && fields == 2) {
			destroy(directory, name);
		} else if (kind == 'g' && fields == 1) {
			sync();
		} else {
			return 2;
		}
		printf("%lld\n", (long long)(now() - start));
		fflush(stdout);
	}
	return 0;
}
