// Codes of the made-up fleet: their spaces, names and meanings.

export const CODES = {
  "0xc0000102": [
    "ntstatus",
    ["STATUS_FILE_CORRUPT_ERROR"],
    "The file system says that a file or folder is damaged.",
    "文件系统报告文件或目录已损坏。",
  ],
  "0x80070570": [
    "hresult",
    ["ERROR_FILE_CORRUPT"],
    "A file or folder is damaged and cannot be read.",
    "文件或目录已损坏，无法读取。",
  ],
  "0x80073712": [
    "hresult",
    ["ERROR_SXS_COMPONENT_STORE_CORRUPT"],
    "The component store is damaged.",
    "组件存储已损坏。",
  ],
  "0x800f0922": [
    "hresult",
    ["CBS_E_INSTALLERS_FAILED"],
    "An installer that runs during the update failed; the inner code says why.",
    "更新过程中的某个安装程序失败，内层错误码说明原因。",
  ],
  "0x80070005": ["hresult", ["ERROR_ACCESS_DENIED", "E_ACCESSDENIED"], "Access was denied.", "访问被拒绝。"],
  "0x8024402c": [
    "hresult",
    ["WU_E_PT_WINHTTP_NAME_NOT_RESOLVED"],
    "The name of the update server or proxy could not be resolved.",
    "无法解析更新服务器或代理的名称。",
  ],
  "0x800f0831": [
    "hresult",
    ["CBS_E_STORE_CORRUPTION"],
    "A package that is needed is missing from the store.",
    "存储中缺少所需的程序包。",
  ],
  "0x80070bc9": ["hresult", ["ERROR_FAIL_REBOOT_REQUIRED"], "A restart must be finished first.", "需要先完成重启。"],
  "0x80070070": ["hresult", ["ERROR_DISK_FULL"], "The disk is full.", "磁盘已满。"],
  "0x80070020": [
    "hresult",
    ["ERROR_SHARING_VIOLATION"],
    "Another process has the file open.",
    "另一进程正在使用该文件。",
  ],
  "0x800f0805": [
    "hresult",
    ["CBS_E_INVALID_PACKAGE"],
    "The package asked for is not a valid one here.",
    "所请求的程序包在此无效。",
  ],
  "0x80070002": ["hresult", ["ERROR_FILE_NOT_FOUND"], "A file was not found.", "找不到文件。"],
};
/** What 0x80070570 stands for, as the server tells it: its other forms, then every NTSTATUS that is reported as it. */
const EQUAL = {
  "0xc0000102": [
    ["0x80070570", "hresult"],
    ["0xd0000102", "hresult"],
  ],
  "0x80070570": [
    ["0xc0070570", "ntstatus"],
    ["0xd0070570", "hresult"],
    ["0xc0000052", "ntstatus"],
    ["0xd0000052", "hresult"],
    ["0xc0000102", "ntstatus"],
    ["0xd0000102", "hresult"],
  ],
};

export const equivalents = (code) =>
  (EQUAL[code] ?? []).map(([each, space]) => ({ code: each, space, names: CODES[each]?.[1] ?? [] }));
