/*
 * Runs a command and says what it cost, on standard error: the nanoseconds from its start until it has ended and its
 * output is read, its largest resident set in KiB, the lines it wrote and its exit status.
 *
 *   usage: measure COMMAND [ARGUMENT...]
 *
 * A program of its own, because Linux counts in ru_maxrss what the parent had at the fork: a child of Node would never
 * be seen smaller than Node.
 */
#include <stdint.h>
#include <stdio.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	int output[2];
	if (argc < 2 || pipe(output) < 0)
		return 2;
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output[1], 1);
	posix_spawn_file_actions_addclose(&actions, output[0]);
	posix_spawn_file_actions_addclose(&actions, output[1]);

	int64_t start = now();
	pid_t pid;
	int error = posix_spawnp(&pid, argv[1], &actions, NULL, argv + 1, environ);
	if (error != 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(error));
		return 2;
	}
	close(output[1]);
	long lines = 0;
	static char buffer[65536];
	for (ssize_t length; (length = read(output[0], buffer, sizeof buffer)) > 0;)
		for (ssize_t i = 0; i < length; i++)
			lines += buffer[i] == '\n';
	int status;
	struct rusage usage;
	if (wait4(pid, &status, 0, &usage) < 0)
		return 2;
	int64_t end = now();
	fprintf(stderr, "\n%lld %ld %ld %d\n", (long long)(end - start), usage.ru_maxrss, lines,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
