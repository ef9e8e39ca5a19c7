// Holds a file open to write, as the servicing stack holds CBS.log: others may read it. Says so, and lets go when its standard input ends.
#include <stdio.h>
#include <windows.h>

int main(int count, char **arguments) {
  if (count != 2) return 2;
  HANDLE file = CreateFileA(arguments[1], GENERIC_WRITE, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return 1;
  puts("held");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  CloseHandle(file);
  return 0;
}
