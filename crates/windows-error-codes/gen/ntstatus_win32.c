/* Prints what ntdll's RtlNtStatusToDosError answers for each NTSTATUS read from standard input (hex, one a line):
 * status, tab, Win32 number. Facts for names/ntstatus_win32.tsv; see gen/README.md for how it is built and run. */
#include <stdio.h>
#include <windows.h>

ULONG NTAPI RtlNtStatusToDosError(LONG status);

int main(void)
{
    unsigned int status;
    while (scanf("%x", &status) == 1)
        printf("0x%08X\t%lu\n", status, RtlNtStatusToDosError((LONG)status));
    return 0;
}
