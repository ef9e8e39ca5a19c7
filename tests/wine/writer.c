// Writes files as the servicing stack does: it holds the log that it appends to and lets others only read it, and it does not wait for them when it
// renames, cuts or removes one. Reads `OPERATION COUNT` and a line with a path from its standard input, behind that a second path or COUNT bytes,
// and answers each with `ok` or with Windows' error.
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static HANDLE held = INVALID_HANDLE_VALUE;
static char held_path[1024];

static void let_go(void) {
  if (held != INVALID_HANDLE_VALUE) CloseHandle(held);
  held = INVALID_HANDLE_VALUE;
}

static int line(char *into, int size) {
  if (!fgets(into, size, stdin)) return 0;
  into[strcspn(into, "\n")] = 0;
  return 1;
}

static BOOL written(HANDLE file, const char *bytes, unsigned long count) {
  DWORD done = 0;
  return WriteFile(file, bytes, count, &done, NULL) && done == count;
}

int main(void) {
  char head[64], operation[32], path[1024], other[1024];
  unsigned long count;
  _setmode(0, _O_BINARY);
  _setmode(1, _O_BINARY);
  while (line(head, sizeof head)) {
    if (sscanf(head, "%31s %lu", operation, &count) != 2 || !line(path, sizeof path)) return 2;
    BOOL is_cut = !strcmp(operation, "cut");
    BOOL is_append = !strcmp(operation, "append"), is_put = !strcmp(operation, "put");
    BOOL is_two = !strcmp(operation, "rename") || !strcmp(operation, "copy");
    char *bytes = NULL;
    if (is_append || is_put) {
      bytes = malloc(count + 1);
      if (!bytes || fread(bytes, 1, count, stdin) != count) return 3;
    }
    if (is_two && !line(other, sizeof other)) return 4;
    BOOL done = FALSE;
    if (is_append && held != INVALID_HANDLE_VALUE && !strcmp(held_path, path)) {
      done = written(held, bytes, count);
    } else {
      let_go();
      if (is_append || is_put || is_cut) {
        DWORD how = is_put ? CREATE_ALWAYS : OPEN_EXISTING;
        HANDLE file = CreateFileA(path, GENERIC_WRITE, FILE_SHARE_READ, NULL, how, 0, NULL);
        if (file != INVALID_HANDLE_VALUE) {
          SetFilePointer(file, is_cut ? (LONG)count : 0, NULL, is_append ? FILE_END : FILE_BEGIN);
          done = is_cut ? SetEndOfFile(file) : written(file, bytes, count);
          if (is_append) {
            held = file;
            strcpy(held_path, path);
          } else {
            DWORD error = GetLastError();
            CloseHandle(file);
            SetLastError(error);
          }
        }
      } else if (!strcmp(operation, "rename")) {
        done = MoveFileExA(path, other, MOVEFILE_REPLACE_EXISTING);
      } else if (!strcmp(operation, "copy")) {
        done = CopyFileA(path, other, FALSE);
      } else if (!strcmp(operation, "remove")) {
        done = DeleteFileA(path);
      }
    }
    if (done) {
      printf("ok\n");
    } else {
      printf("error %lu\n", GetLastError());
    }
    fflush(stdout);
    free(bytes);
  }
  let_go();
  return 0;
}
