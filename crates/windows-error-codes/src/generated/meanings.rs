// Made by gen/generate.py; do not edit.
/// (index in `Space::ALL`, number, English, Chinese), ascending.
pub(super) static MEANINGS: [(u8, u32, &str, &str); 3] = [
    (0, 0x8007000D, "Data that was read is not in the expected form: a damaged download, catalog, registry value or driver database.", "读到的数据格式不正确：下载内容、目录文件、注册表值或驱动数据库已损坏。"),
    (0, 0x80070570, "A file or folder, or the disk structure that describes it, is damaged and cannot be read.", "文件、文件夹或描述它的磁盘结构已损坏，无法读取。"),
    (3, 0xFFFFFC06, "A page of the database was read back damaged, which points to the disk or memory.", "数据库页面读出时校验失败，通常是磁盘或内存有问题。"),
];
