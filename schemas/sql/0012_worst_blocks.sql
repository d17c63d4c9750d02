-- Where two pictures differ most: the PSNR of the worst block of 32x32 pixels. Null: identical, or compared before this.
alter table comparisons add column worst_block_psnr_db double precision;
